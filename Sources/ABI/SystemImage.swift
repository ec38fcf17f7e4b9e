/// The image that the host tool lays behind the kernel: what to start, with every byte of it.
///
/// The host tool parses and checks; kernel and root read records of fixed size, little endian, with no pointers.
/// All offsets are in bytes from the image's first byte, which lies at the first multiple of `alignment` behind the
/// kernel. Everything that is mapped is a multiple of 4 KiB.
public struct ImageHeader {
    public var magic: UInt64
    public var version: UInt64
    /// The whole image, records and modules; a multiple of `alignment`.
    public var size: UInt64
    public var board: BoardRecord
    public var root: ProgramRecord
    public var tenantCount: UInt64
    /// `TenantRecord`s, one behind the other.
    public var tenantOffset: UInt64
    /// `GroupRecord`s, one behind the other.
    public var groupCount: UInt64
    public var groupOffset: UInt64
    /// `OnFailure`: what the board does when what is at the top of the supervision tree can be restarted no more.
    public var onFailure: UInt64
    /// By number.
    public var regions: InlineArray<8, SharedRegionRecord>

    public static let magic: UInt64 = 0x3145_544E_4554_4E45  // "ENTENTE1"
    public static let version: UInt64 = 4
    public static let alignment: UInt64 = 0x1_0000
}

public struct MemoryRange: Sendable, Equatable {
    public var base: UInt64
    public var size: UInt64
    @inline(__always) public init(base: UInt64, size: UInt64) { self.base = base; self.size = size }
}

/// What the kernel must know of the board. The host tool reads it from the board's device tree.
public struct BoardRecord {
    public var coreCount: UInt64
    /// MPIDR_EL1 affinity bits of each core; the first is the boot core's.
    public var cores: InlineArray<8, UInt64>
    public var ram: InlineArray<4, MemoryRange>
    /// Device registers that root may hand to drivers; must hold no RAM.
    public var devices: MemoryRange
    public var distributor: MemoryRange
    public var redistributors: MemoryRange
    public var serial: MemoryRange
    /// The serial port's interrupt number (INTID).
    public var serialInterrupt: UInt64
    /// The PL031 real time clock; empty if the board has none that lies in `devices`.
    public var clock: MemoryRange
}

/// A component's program: up to four segments at `ComponentLayout.image` and above.
public struct ProgramRecord {
    public var segments: InlineArray<4, ProgramSegment>
    public var entry: UInt64
    /// Bytes of stack for each thread; a multiple of 4 KiB, at most `ComponentLayout.stackStride - 4 KiB`.
    public var stackSize: UInt64
}

public struct ProgramSegment {
    /// Where its bytes lie in the image; a multiple of 4 KiB.
    public var offset: UInt64
    /// How many bytes of it are in the image.
    public var fileSize: UInt64
    /// Its size in memory, a multiple of 4 KiB; 0: the record is unused.
    public var memorySize: UInt64
    public var address: UInt64
    /// `Rights` bits; a writable segment is copied, others are mapped from the image as they lie.
    public var rights: UInt64
}

public enum TenantKind: UInt64, Sendable {
    case component = 1
    /// The driver of the board's serial port; exactly one, the first tenant.
    case consoleDriver = 2
    /// A monitor with its machine.
    case machine = 3
}

/// One tenant. Tenant N has console channel N + 2.
public struct TenantRecord {
    public var kind: UInt64
    /// UTF-8, padded with zeros.
    public var name: InlineArray<32, UInt8>
    /// The component's program; for a machine its monitor's.
    public var program: ProgramRecord
    /// 0…31, 31 most urgent. A monitor runs at its machine's.
    public var priority: UInt64
    /// The core of a component; of a machine's first virtual CPU, the others follow round-robin.
    public var core: UInt64
    /// Bytes of private memory beyond the program, mapped at `heapAddress`; a multiple of 4 KiB.
    public var heapSize: UInt64
    public var machine: MachineRecord
    /// A few words that the component finds in its configuration; what they mean is between it and the manifest.
    public var arguments: InlineArray<8, UInt64>
    public var supervision: SupervisionRecord
    public var allowance: TimeAllowance
    /// Whom it may call.
    public var connections: InlineArray<8, ConnectionRecord>
    public var paging: PagingRecord
    /// Bytes of memory that it shares with each of its servers; a multiple of 4 KiB.
    public var sharedSize: UInt64
}

/// How much of its core a component may use: `budget` of every `period`, both in nanoseconds. 0 and 0: no limit.
public struct TimeAllowance: Sendable, Equatable {
    public var budget: UInt64
    public var period: UInt64
    @inline(__always) public init(budget: UInt64, period: UInt64) { self.budget = budget; self.period = period }
    public static var unlimited: TimeAllowance { TimeAllowance(budget: 0, period: 0) }
}

/// A machine's virtual hardware and what lies in its RAM when it starts.
public struct MachineRecord {
    public var memory: MemoryRange
    public var virtualCPUs: UInt64
    public var entry: UInt64
    /// `x0` of the boot CPU: the device tree's address, or 0.
    public var argument: UInt64
    public var segments: InlineArray<8, GuestSegment>
    /// 1: SYSTEM_RESET restarts the machine; 0: it ends it.
    public var restarts: UInt64
    /// 0, or 1 + the index of the tenant whose machine this one can wake: see `MachineEvent`.
    public var eventPeer: UInt64
    /// Bits of `FailureActions`.
    public var failureActions: UInt64
}

/// How a machine wakes another: a store to `doorbell` raises `interrupt` in the other machine's first virtual CPU.
public enum MachineEvent {
    /// Guest-physical address, in a part of the platform's map that is free on QEMU's `virt`.
    public static let doorbell: UInt64 = 0x0B00_1000
    /// INTID; the receiver configures it as edge-triggered.
    public static let interrupt: UInt64 = 40
}

/// Bytes of the image that the monitor copies into guest RAM before each start.
public struct GuestSegment {
    /// A multiple of 4 KiB, padded with zeros to one in the image.
    public var offset: UInt64
    /// 0: the record is unused.
    public var size: UInt64
    /// Guest-physical address, a multiple of 8.
    public var address: UInt64
}

extension ComponentLayout {
    public static let heap: UInt64 = 0x3000_0000
}

/// What root tells every component, at `ComponentLayout.configuration`.
public struct ComponentConfiguration {
    public var name: InlineArray<32, UInt8>
    public var channel: UInt64
    public var heapSize: UInt64
    public var arguments: InlineArray<8, UInt64>
    /// The console driver: how many clients it has, channel 1 first. 0 for others.
    public var consoleClients: UInt64
    /// The cores on which this tenant has a thread, as a mask.
    public var cores: UInt64
    /// How often the supervisor has started it before.
    public var earlierLives: UInt64
    public var machine: MachineConfiguration
    /// Whom this component may call.
    public var connections: InlineArray<8, Connection>
    /// A pager: its clients, by number.
    public var paging: InlineArray<8, PagingClient>
    /// Bytes in each window of `ComponentLayout.shared`.
    public var sharedSize: UInt64
    /// Bytes in each window of `ComponentLayout.callers`, by the caller's number (its portal's badge); 0: it shares
    /// none.
    public var callers: InlineArray<64, UInt64>
    /// The shared regions that a component is an end of, by number.
    public var regions: InlineArray<8, SharedRegionEnd>
    /// Random bits, others for each life of each tenant: see `RandomSource`.
    public var seed: InlineArray<4, UInt64>
}

/// What root tells a monitor.
public struct MachineConfiguration {
    public var memory: MemoryRange
    public var virtualCPUs: UInt64
    public var entry: UInt64
    public var argument: UInt64
    public var restarts: UInt64
    /// `offset` is relative to `ComponentLayout.modules`.
    public var segments: InlineArray<8, GuestSegment>
    /// The core of each virtual CPU.
    public var cores: InlineArray<8, UInt64>
    /// Not 0: the monitor can read the board's PL031 at `ComponentLayout.devices`.
    public var seesClock: UInt64
    /// Bits of `FailureActions`.
    public var failureActions: UInt64
}
