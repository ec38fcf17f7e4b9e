import ABI
import Entente

extension FakeComponent {
    /// Gives the component a disk of the board, as the plan of a system with disks does.
    ///
    /// - Parameters:
    ///   - name: the disk's name in the manifest.
    ///   - disk: the fake that answers accesses to the registers.
    ///   - number: the disk's number in the connection between driver and storage.
    ///   - events: the events that the disk's interrupt raises.
    public func attachDisk(_ name: String, _ disk: some FakeDevice, number: Int, raising events: Events) {
        let (registers, interrupt) = place(disk, size: 0x200, raising: events)
        pages.add(name) {
            Resource(
                name: $0, kind: .boardDisk, slot: UInt64(interrupt), address: registers, size: 0x200,
                number: events.bits, detail: UInt64(number))
        }
    }
}

extension FakeBus {
    /// Adds memory that a component has under the manifest's `dma`.
    public func add(_ memory: FakeDMAMemory) {
        add(address: memory.deviceAddress, size: memory.size, place: memory.place)
    }
}
