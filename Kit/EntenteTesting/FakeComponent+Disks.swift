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

    /// Tells this driver that a whole disk of the board has one user, as a plan does.
    ///
    /// - Parameters:
    ///   - name: the disk's name in the plan.
    ///   - number: the number of the board's disk.
    ///   - client: the user, which has a connection with this driver.
    ///   - place: the disk's number in that connection.
    ///   - isReadOnly: true if the plan says so.
    public func addWholeDisk(
        _ name: String, ofBoardDisk number: Int, to client: FakeComponent, as place: Int, isReadOnly: Bool = false
    ) {
        let flags = VirtualDiskFlags.isWhole | (isReadOnly ? VirtualDiskFlags.readOnly : 0)
        pages.add(name) {
            Resource(
                name: $0, kind: .virtualDisk, number: client.number | UInt64(place) << 16 | flags << 32,
                detail: UInt64(number))
        }
    }
}

extension FakeBus {
    /// Adds memory that a component has under the manifest's `dma`.
    public func add(_ memory: FakeDMAMemory) {
        add(address: memory.deviceAddress, size: memory.size, place: memory.place)
    }
}
