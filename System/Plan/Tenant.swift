import ABI
import Foundation

/// A tenant with all its bytes, as `SystemImageWriter` puts it into the image.
public struct Tenant: Sendable {
    public var kind: TenantKind
    /// The name, at most 32 bytes of UTF-8.
    public var name: String
    /// The program of the component, or that of a machine's monitor.
    public var program: Program
    /// The priority, 0…31. 31 is the most urgent.
    public var priority: Int
    public var core: Int
    /// The size of its private memory in bytes; a multiple of 4 KiB.
    public var heapSize: UInt64
    /// The arguments, at most 8.
    public var arguments: [UInt64]
    public var allowance: TimeAllowance
    /// The tenants that it may call, by name; at most `ComponentDescription.maximumConnections`.
    public var connections: [ConnectionDescription] = []
    /// The bytes of the file that another tenant pages in for it, and that tenant's name.
    public var paged: (pager: String, file: Data)?
    /// The size of the memory that it shares with each of its servers, in bytes; a multiple of 4 KiB.
    public var sharedSize: UInt64 = 0
    /// The devices of the board that it drives. `dma` is the memory that these may access.
    public var devices: [DeviceDescription] = []
    public var dma: [DMAMemoryDescription] = []
    /// The machine, for `TenantKind.machine` only.
    public var machine: MachineImage?
    public var restart: RestartDescription
    /// True if root reports that it has used up its budget.
    public var reportsOverruns = true
    /// The place of the tenant in the manifest.
    public var place: Diagnostic.Place?

    public init(
        kind: TenantKind, name: String, program: Program, priority: Int, core: Int = 0, heapSize: UInt64 = 0,
        arguments: [UInt64] = [], allowance: TimeAllowance = .unlimited, machine: MachineImage? = nil,
        restart: RestartDescription = .tenant
    ) {
        self.kind = kind
        self.name = name
        self.program = program
        self.priority = priority
        self.core = core
        self.heapSize = heapSize
        self.arguments = arguments
        self.allowance = allowance
        self.machine = machine
        self.restart = restart
    }
}

/// The virtual hardware of a machine, and the contents of its RAM when it starts.
public struct MachineImage: Sendable {
    public var memory: MemoryRange
    public var virtualCPUs: Int
    public var entry: UInt64
    /// The first argument (`x0`) of the boot CPU: the device tree's address, or 0.
    public var argument: UInt64
    public var modules: [GuestImage.Module]
    public var restarts: Bool
    /// The firmware in the first bank of the machine's flash; nil if the machine starts from a kernel and has no
    /// flash.
    public var firmware: Data?
    /// The name of the machine that this one can wake.
    public var eventPeer: String?
    /// The bits of `FailureActions`.
    public var failureActions: UInt64
    /// The random bytes in the device tree, which the monitor renews at each start; two ranges at most.
    public var randomBytes: [MemoryRange] = []

    /// The start of the RAM of every machine, as on QEMU's `virt` board.
    public static let ramBase: UInt64 = ComponentLayout.guestMemory

    public init(
        memory: MemoryRange, virtualCPUs: Int, entry: UInt64, argument: UInt64, modules: [GuestImage.Module],
        restarts: Bool, eventPeer: String? = nil, failureActions: UInt64 = 0
    ) {
        self.memory = memory
        self.virtualCPUs = virtualCPUs
        self.entry = entry
        self.argument = argument
        self.modules = modules
        self.restarts = restarts
        self.eventPeer = eventPeer
        self.failureActions = failureActions
    }

    /// Makes the machine of `description`, with the contents that `layout` gives.
    /// - Parameter renewsSeeds: true if the random bytes of the device tree are others at each start.
    public init(
        _ description: MachineDescription, layout: GuestLayout, initrd: Data?, deviceTree: Data,
        renewsSeeds: Bool = true
    ) throws(Failure) {
        self.init(
            memory: MemoryRange(base: Self.ramBase, size: description.memory), virtualCPUs: description.cpus,
            entry: layout.image.entry, argument: layout.deviceTreeAddress,
            modules: try layout.modules(initrd: initrd, deviceTree: deviceTree), restarts: description.restarts,
            eventPeer: description.eventPeer,
            failureActions: description.failureActions)
        if renewsSeeds { renewSeeds(of: deviceTree, at: layout.deviceTreeAddress) }
    }
}

extension MachineImage {
    /// Makes a machine that starts from firmware, with nothing in its RAM but the device tree at its start.
    /// - Parameter renewsSeeds: true if the random bytes of the device tree are others at each start.
    public init(
        _ description: MachineDescription, firmware: Data, deviceTree: Data, renewsSeeds: Bool = true
    ) throws(Failure) {
        try FirmwareImage.check(firmware)
        guard deviceTree.count <= FirmwareImage.deviceTreeCapacity else {
            throw Failure(
                "the device tree has \(deviceTree.count) bytes, but firmware takes "
                    + "\(ByteSize(bytes: UInt64(FirmwareImage.deviceTreeCapacity)))",
                remedy: "make the machine's device tree overlay smaller")
        }
        self.init(
            memory: MemoryRange(base: Self.ramBase, size: description.memory), virtualCPUs: description.cpus,
            entry: MachineFlash.code, argument: 0,
            modules: [GuestImage.Module(address: Self.ramBase, data: deviceTree)], restarts: description.restarts,
            eventPeer: description.eventPeer, failureActions: description.failureActions)
        self.firmware = firmware
        if renewsSeeds { renewSeeds(of: deviceTree, at: Self.ramBase) }
    }

    private mutating func renewSeeds(of deviceTree: Data, at address: UInt64) {
        randomBytes = DeviceTreeSeeds.ranges(in: deviceTree).prefix(2).map {
            MemoryRange(base: address + UInt64($0.lowerBound), size: UInt64($0.count))
        }
    }
}

extension MachineDescription {
    /// The bits of `FailureActions`.
    var failureActions: UInt64 {
        (diesOfPanic ? FailureActions.diesOfPanic : 0) | (hasWatchdog ? FailureActions.hasWatchdog : 0)
    }
}

extension Program.Segment {
    /// The bytes of the segment that are in the image. Root maps a read-only segment from there, so its last page
    /// must be whole.
    var imageSize: UInt64 {
        rights & Rights.write.rawValue == 0 ? memorySize : UInt64(data.count)
    }

    var imageData: Data {
        var padded = Data(data)
        padded.padWithZeros(to: Int(imageSize))
        return padded
    }
}

public enum TenantKind: String, Sendable {
    case component
    /// The driver of the board's serial port. There is exactly one, and it is the first tenant.
    case consoleDriver = "console driver"
    /// A monitor with its machine.
    case machine
}
