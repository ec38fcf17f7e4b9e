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
    public var plan: PlanHeader

    public static let magic: UInt64 = 0x3145_544E_4554_4E45  // "ENTENTE1"
    public static let version: UInt64 = 4
    public static let alignment: UInt64 = 0x1_0000

    public init(
        magic: UInt64, version: UInt64, size: UInt64, board: BoardRecord, root: ProgramRecord, plan: PlanHeader
    ) {
        (self.magic, self.version, self.size, self.board) = (magic, version, size, board)
        (self.root, self.plan) = (root, plan)
    }
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

    public init(
        coreCount: UInt64, cores: InlineArray<8, UInt64>, ram: InlineArray<4, MemoryRange>, devices: MemoryRange,
        distributor: MemoryRange, redistributors: MemoryRange, serial: MemoryRange
    ) {
        (self.coreCount, self.cores, self.ram, self.devices) = (coreCount, cores, ram, devices)
        (self.distributor, self.redistributors, self.serial) = (distributor, redistributors, serial)
    }
}

/// A component's program: up to four segments at `ComponentLayout.image` and above.
public struct ProgramRecord {
    public var segments: InlineArray<4, ProgramSegment>
    public var entry: UInt64
    /// Bytes of stack for each thread; a multiple of 4 KiB, at most `ComponentLayout.stackStride - 4 KiB`.
    public var stackSize: UInt64

    public init(
        segments: InlineArray<4, ProgramSegment>, entry: UInt64, stackSize: UInt64
    ) {
        (self.segments, self.entry, self.stackSize) = (segments, entry, stackSize)
    }
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

    public init(
        offset: UInt64, fileSize: UInt64, memorySize: UInt64, address: UInt64, rights: UInt64
    ) {
        (self.offset, self.fileSize, self.memorySize, self.address) = (offset, fileSize, memorySize, address)
        self.rights = rights
    }
}

/// How much of its core a component may use: `budget` of every `period`, both in nanoseconds. 0 and 0: no limit.
public struct TimeAllowance: Sendable, Equatable {
    public var budget: UInt64
    public var period: UInt64
    @inline(__always) public init(budget: UInt64, period: UInt64) { self.budget = budget; self.period = period }
    public static var unlimited: TimeAllowance { TimeAllowance(budget: 0, period: 0) }
}

/// How a machine wakes another: a store to `doorbell` raises `interrupt` in the other machine's first virtual CPU.
public enum MachineEvent {
    /// Guest-physical address, in a part of the platform's map that is free on QEMU's `virt`.
    public static let doorbell: UInt64 = 0x0B00_1000
    /// INTID; the receiver configures it as edge-triggered.
    public static let interrupt: UInt64 = 40
}

/// Bytes that the monitor copies into guest RAM before each start.
public struct GuestSegment {
    /// The address at which the monitor sees them, relative to `ComponentLayout.modules`; padded with zeros to a
    /// multiple of 4 KiB.
    public var offset: UInt64
    /// 0: the record is unused.
    public var size: UInt64
    /// Guest-physical address, a multiple of 8.
    public var address: UInt64

    public init(
        offset: UInt64, size: UInt64, address: UInt64
    ) {
        (self.offset, self.size, self.address) = (offset, size, address)
    }
}

extension ComponentLayout {
    public static let heap: UInt64 = 0x3000_0000
}

/// Describes a component to itself, at `ComponentLayout.configuration`; its `Resource`s lie behind it.
public struct ComponentConfiguration {
    public var name: InlineArray<32, UInt8>
    /// The console channel; 1 + the component's number, by which servers know it.
    public var channel: UInt64
    public var heapSize: UInt64
    public var arguments: InlineArray<8, UInt64>
    /// The cores on which this tenant has a thread, as a mask.
    public var cores: UInt64
    /// How often the supervisor has started it before. Written by root.
    public var earlierLives: UInt64
    /// Random bits, others for each life of each tenant: see `RandomSource`. Written by root.
    public var seed: InlineArray<4, UInt64>
    public var resourceCount: UInt64
    public var machine: MachineConfiguration

    public init(
        name: InlineArray<32, UInt8>, channel: UInt64, heapSize: UInt64, arguments: InlineArray<8, UInt64>,
        cores: UInt64, earlierLives: UInt64, seed: InlineArray<4, UInt64>, resourceCount: UInt64,
        machine: MachineConfiguration
    ) {
        (self.name, self.channel, self.heapSize, self.arguments) = (name, channel, heapSize, arguments)
        (self.cores, self.earlierLives, self.seed, self.resourceCount) = (cores, earlierLives, seed, resourceCount)
        self.machine = machine
    }
}

/// Describes a machine to its monitor.
public struct MachineConfiguration {
    public var memory: MemoryRange
    public var virtualCPUs: UInt64
    public var entry: UInt64
    /// `x0` of the boot CPU: the device tree's address, or 0.
    public var argument: UInt64
    /// 1: SYSTEM_RESET restarts the machine; 0: it ends it.
    public var restarts: UInt64
    public var segments: InlineArray<8, GuestSegment>
    /// The core of each virtual CPU.
    public var cores: InlineArray<8, UInt64>
    /// The address at which the monitor can read the board's PL031; 0: it cannot.
    public var seesClock: UInt64
    /// The shared regions whose doorbells the machine may ring, by number, as a mask.
    public var doorbells: UInt64
    /// Bits of `FailureActions`.
    public var failureActions: UInt64

    public init(
        memory: MemoryRange, virtualCPUs: UInt64, entry: UInt64, argument: UInt64, restarts: UInt64,
        segments: InlineArray<8, GuestSegment>, cores: InlineArray<8, UInt64>, seesClock: UInt64, doorbells: UInt64,
        failureActions: UInt64
    ) {
        (self.memory, self.virtualCPUs, self.entry, self.argument) = (memory, virtualCPUs, entry, argument)
        (self.restarts, self.segments, self.cores, self.seesClock) = (restarts, segments, cores, seesClock)
        (self.doorbells, self.failureActions) = (doorbells, failureActions)
    }
}
