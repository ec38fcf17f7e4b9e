import ABI
import Foundation

/// A tenant with all its bytes, as `SystemImageWriter` lays it into the image.
public struct Tenant: Sendable {
    public var kind: TenantKind
    /// At most 32 bytes of UTF-8.
    public var name: String
    /// The component's program; for a machine its monitor's.
    public var program: Program
    /// 0…31, 31 most urgent.
    public var priority: Int
    public var core: Int
    /// Bytes of private memory; a multiple of 4 KiB.
    public var heapSize: UInt64
    /// At most 8.
    public var arguments: [UInt64]
    public var allowance: TimeAllowance
    /// Whom it may call, by the names of tenants; at most `Tenant.maximumConnections`.
    public var connections: [ConnectionDescription] = []
    /// The bytes of the file that another tenant pages in for it, and that tenant's name.
    public var paged: (pager: String, file: Data)?
    /// Bytes of memory that it may share with others; a multiple of 4 KiB.
    public var sharedSize: UInt64 = 0
    /// Devices of the board that it drives, and memory that they may access.
    public var devices: [DeviceDescription] = []
    public var dma: [DMAMemoryDescription] = []
    /// For `TenantKind.machine` only.
    public var machine: MachineImage?
    public var restart: RestartDescription

    static let nameSize = 32
    static let priorities = 0...31
    static let maximumArguments = 8
    static let maximumConnections = 32
    /// The kernel's, root's and the console driver's channels come out of the same numbers.
    static let maximumDeclared = ConsoleChannel.maximum - 3
    /// Each has a VMID of eight bits; 0 is nobody's.
    static let maximumSpaces = 255

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

/// A machine's virtual hardware and what lies in its RAM when it starts.
public struct MachineImage: Sendable {
    public var memory: MemoryRange
    public var virtualCPUs: Int
    public var entry: UInt64
    /// The boot CPU's `x0`: the device tree's address, or 0.
    public var argument: UInt64
    public var modules: [GuestImage.Module]
    public var restarts: Bool
    /// The name of the machine that this one can wake.
    public var eventPeer: String?
    /// Bits of `FailureActions`.
    public var failureActions: UInt64

    /// Where the RAM of every machine begins, as on QEMU's board `virt`.
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

    /// The machine that `description` asks for, with `layout` filled in.
    public init(
        _ description: MachineDescription, layout: GuestLayout, initrd: Data?, deviceTree: Data
    ) throws(Failure) {
        self.init(
            memory: MemoryRange(base: Self.ramBase, size: description.memory), virtualCPUs: description.cpus,
            entry: layout.image.entry, argument: layout.deviceTreeAddress,
            modules: try layout.modules(initrd: initrd, deviceTree: deviceTree), restarts: description.restarts,
            eventPeer: description.eventPeer,
            failureActions: description.failureActions)
    }
}

extension MachineDescription {
    /// Bits of `FailureActions`.
    var failureActions: UInt64 {
        (diesOfPanic ? FailureActions.diesOfPanic : 0) | (hasWatchdog ? FailureActions.hasWatchdog : 0)
    }
}

extension Program.Segment {
    /// Bytes of it that are in the image: what cannot be written is mapped from there, so its last page must be whole.
    var imageSize: UInt64 {
        rights & Rights.write.rawValue == 0 ? memorySize : UInt64(data.count)
    }

    var imageData: Data {
        var padded = Data(data)
        padded.padWithZeros(to: Int(imageSize))
        return padded
    }
}
