import ABI
import Foundation

// A plan for which nothing is built or downloaded, because programs, guests and the board are stand-ins of a fixed
// size. Objects, capabilities, bindings and times are those of the real plan. Sizes and addresses that follow from
// programs and guests differ.
extension Manifest {
    /// Plans the system with stand-ins for programs and guests.
    ///
    /// - Throws: `Failure` if the parts of the system contradict one another.
    public func planWithPlaceholders() throws(Failure) -> Plan {
        let driver = Tenant(consoleDriverRestart, program: .placeholder)
        var all = [driver]
        for description in tenants {
            var tenant = try description.placeholder()
            tenant.place = places[description.name]
            all.append(tenant)
        }
        var writer = SystemImageWriter(
            kernel: .placeholder, board: .placeholder(board), root: .placeholder, tenants: all)
        (writer.groups, writer.onFailure, writer.sharedMemory) = (groups, board.onFailure, sharedMemory)
        writer.disks = disks
        return try writer.plan()
    }
}

extension TenantDescription {
    fileprivate func placeholder() throws(Failure) -> Tenant {
        switch self {
        case .machine(let machine):
            return Tenant(machine, program: .placeholder, image: .placeholder(machine))
        case .component(let component):
            var devices: [DeviceDescription] = []
            for request in component.devices { devices.append(try VirtBoard.device(request)) }
            do {
                return try Tenant(component, program: .placeholder, devices: devices)
            } catch {
                throw Failure(
                    "a file of component '\(component.name)' cannot be read: \(error)", remedy: "make it readable")
            }
        }
    }
}

extension Program {
    /// A program of code, constants and data, as the linker script of components places them.
    static let placeholder: Program = {
        let (code, page) = (ComponentLayout.image, pageSize)
        return Program(
            segments: [
                Segment(
                    address: code, data: Data(repeating: 1, count: 16 * Int(page)), memorySize: 16 * page,
                    rights: (Rights.read.union(.execute)).rawValue),
                Segment(
                    address: code + 16 * page, data: Data(repeating: 2, count: 4 * Int(page)), memorySize: 4 * page,
                    rights: Rights.read.rawValue),
                Segment(
                    address: code + 20 * page, data: Data(repeating: 3, count: Int(page)), memorySize: 4 * page,
                    rights: Rights.readWrite.rawValue),
            ], entry: code)
    }()
}

extension KernelImage {
    static let placeholder = KernelImage(flat: Data(count: 512 << 10))
}

extension MachineImage {
    /// Returns a kernel at the start of RAM and a device tree at its end, or firmware and a device tree at the start of
    /// RAM. All are smaller than any real one.
    fileprivate static func placeholder(_ machine: MachineDescription) -> MachineImage {
        var image = MachineImage(
            memory: MemoryRange(base: ramBase, size: machine.memory), virtualCPUs: machine.cpus, entry: ramBase,
            argument: 0,
            modules: [
                GuestImage.Module(address: ramBase, data: Data(repeating: 4, count: 64 << 10)),
                GuestImage.Module(
                    address: ramBase + machine.memory - (64 << 10), data: Data(repeating: 5, count: 4 << 10)),
            ], restarts: machine.restarts, eventPeer: machine.eventPeer,
            failureActions: machine.failureActions)
        if machine.guest.isFirmware {
            image.modules = [GuestImage.Module(address: ramBase, data: Data(repeating: 5, count: 4 << 10))]
            image.firmware = Data(repeating: 4, count: 64 << 10)
        }
        return image
    }
}

extension Board {
    /// Returns QEMU's `virt` board, as its device tree describes it.
    static func placeholder(_ board: BoardDescription) -> Board {
        Board(
            coreAffinities: (0..<board.cores).map(UInt64.init),
            ram: [MemoryRange(base: 0x4000_0000, size: board.memory)],
            devices: MemoryRange(base: 0x0900_0000, size: 0x3700_0000),
            distributor: MemoryRange(base: 0x0800_0000, size: 0x1_0000),
            redistributors: MemoryRange(base: 0x080A_0000, size: 0xF6_0000),
            serial: MemoryRange(base: 0x0900_0000, size: 0x1000), serialInterrupt: 33,
            clock: MemoryRange(base: 0x0901_0000, size: 0x1000))
    }
}
