import ABI
import Entente

extension FakeKernel {
    /// Gives two components memory of this name, as a manifest's `shared-memory` does. The test may run one of the
    /// components itself, in the place of a machine.
    public func share(_ name: String, size: UInt64, between first: FakeComponent, _ second: FakeComponent) {
        precondition(regions < SharedRegions.maximum, "a system has at most \(SharedRegions.maximum) shared memories")
        let bell = Events.number(SharedRegions.firstEvent + UInt64(regions)).bits
        regions += 1
        let memory = FakeMemory(size)
        for (own, peer) in [(first, second), (second, first)] {
            let address = own.map(memory)
            let slot = own.insert(FakeObject(.notification(peer.own), .write, badge: bell))
            own.pages.add(name) {
                Resource(name: $0, kind: .sharedMemory, slot: UInt64(slot), address: address, size: size, number: bell)
            }
        }
    }
}
