import ABI
import Entente

extension FakeKernel {
    /// Gives two components memory of this name, as a manifest's `shared-memory` does. A component that the test runs
    /// itself can stand for a machine.
    public func share(_ name: String, size: UInt64, between first: FakeComponent, _ second: FakeComponent) {
        precondition(regions < SharedRegions.maximum, "a system has at most \(SharedRegions.maximum) shared memories")
        let number = regions
        regions += 1
        let memory = FakeMemory(size)
        for (own, peer) in [(first, second), (second, first)] {
            own.windows[SharedRegions.componentAddress(number)] = memory
            own.table[SharedRegions.firstBell + UInt32(number)] = FakeObject(
                .notification(peer), .write, badge: 1 << (SharedRegions.firstEvent + UInt64(number)))
            own.pages.configure { configuration in
                for (place, byte) in name.utf8.prefix(31).enumerated() {
                    configuration.regions[number].name[place] = byte
                }
                configuration.regions[number].size = size
            }
        }
    }
}
