/// The image that the host tool puts behind the kernel. It says what root starts, and holds every byte of it.
///
/// The host tool parses and checks; kernel and root read records of fixed size, little endian, without pointers. All
/// offsets are in bytes from the image's first byte, which lies at the first multiple of `alignment` behind the
/// kernel. Everything that root maps is a multiple of 4 KiB.
public struct ImageHeader {
    public var magic: UInt64
    public var version: UInt64
    /// The size of the whole image with records and modules, in bytes; a multiple of `alignment`.
    public var size: UInt64
    public var board: BoardRecord
    public var root: ProgramRecord
    public var plan: PlanHeader

    public static let magic: UInt64 = 0x3145_544E_4554_4E45  // "ENTENTE1"
    public static let version: UInt64 = 5
    public static let alignment: UInt64 = 0x1_0000

    public init(
        magic: UInt64, version: UInt64, size: UInt64, board: BoardRecord, root: ProgramRecord, plan: PlanHeader
    ) {
        (self.magic, self.version, self.size, self.board) = (magic, version, size, board)
        (self.root, self.plan) = (root, plan)
    }
}

/// The facts about the board that the kernel must know. The host tool reads them from the board's device tree.
public struct BoardRecord {
    public var coreCount: UInt64
    /// The affinity bits of each core's MPIDR_EL1; the boot core comes first.
    public var cores: InlineArray<8, UInt64>
    public var ram: InlineArray<4, MemoryRange>
    /// The device registers that root may hand to drivers. The range must hold no RAM.
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
    /// The size of each thread's stack in bytes: a multiple of 4 KiB, at most `ComponentLayout.stackStride - 4 KiB`.
    public var stackSize: UInt64

    public init(
        segments: InlineArray<4, ProgramSegment>, entry: UInt64, stackSize: UInt64
    ) {
        (self.segments, self.entry, self.stackSize) = (segments, entry, stackSize)
    }
}

public struct ProgramSegment {
    /// The offset of the segment's bytes in the image; a multiple of 4 KiB.
    public var offset: UInt64
    /// The number of bytes that are in the image.
    public var fileSize: UInt64
    /// The size in memory, a multiple of 4 KiB; 0 if the record is unused.
    public var memorySize: UInt64
    public var address: UInt64
    /// The `Rights` bits. Root copies a writable segment, and maps any other one directly from the image.
    public var rights: UInt64

    public init(
        offset: UInt64, fileSize: UInt64, memorySize: UInt64, address: UInt64, rights: UInt64
    ) {
        (self.offset, self.fileSize, self.memorySize, self.address) = (offset, fileSize, memorySize, address)
        self.rights = rights
    }
}

/// The time of its core that a component may use: `budget` in each `period`, in nanoseconds. Both are 0 if there is
/// no limit.
public struct TimeAllowance: Sendable, Equatable {
    public var budget: UInt64
    public var period: UInt64
    @inline(__always) public init(budget: UInt64, period: UInt64) { self.budget = budget; self.period = period }
    public static var unlimited: TimeAllowance { TimeAllowance(budget: 0, period: 0) }
}

/// The places of the event between machines: a store to `doorbell` raises `interrupt` in the peer's first virtual
/// CPU.
public enum MachineEvent {
    /// The guest-physical address, in a part of the platform's map that is free on QEMU's `virt` board.
    public static let doorbell: UInt64 = 0x0B00_1000
    /// The INTID; the receiver configures it as edge-triggered.
    public static let interrupt: UInt64 = 40
}

/// A piece of memory that the monitor copies into guest RAM before each start.
public struct GuestSegment {
    /// The offset from `ComponentLayout.modules` at which the monitor sees the bytes. Zeros pad them to a multiple of
    /// 4 KiB.
    public var offset: UInt64
    /// The size in bytes; 0 if the record is unused.
    public var size: UInt64
    /// The guest-physical address of the copy; a multiple of 8.
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

/// The facts about a component, at `ComponentLayout.configuration`. The component's `Resource`s lie behind them.
public struct ComponentConfiguration {
    public var name: InlineArray<32, UInt8>
    /// The console channel: 1 + the number by which servers know the component.
    public var channel: UInt64
    public var heapSize: UInt64
    public var arguments: InlineArray<8, UInt64>
    /// The mask of the cores on which this tenant has a thread.
    public var cores: UInt64
    /// The number of times that root has started the component before. Root writes it.
    public var earlierLives: UInt64
    /// Random bits, which differ for each life of each tenant (`RandomSource`). Root writes them.
    public var seed: InlineArray<4, UInt64>
    /// 1 if the board has a source of random bits, 0 if the seed can be guessed. Root writes it together with the seed.
    public var hasEntropy: UInt64
    public var resourceCount: UInt64
    public var machine: MachineConfiguration

    public init(
        name: InlineArray<32, UInt8>, channel: UInt64, heapSize: UInt64, arguments: InlineArray<8, UInt64>,
        cores: UInt64, earlierLives: UInt64, seed: InlineArray<4, UInt64>, hasEntropy: UInt64, resourceCount: UInt64,
        machine: MachineConfiguration
    ) {
        (self.name, self.channel, self.heapSize, self.arguments) = (name, channel, heapSize, arguments)
        (self.cores, self.earlierLives, self.seed, self.hasEntropy) = (cores, earlierLives, seed, hasEntropy)
        (self.resourceCount, self.machine) = (resourceCount, machine)
    }
}

/// The facts about a machine, for its monitor.
public struct MachineConfiguration {
    /// The number of virtual CPUs of a machine, at most. The manifest allows no more, and no test boots more.
    /// The records have room for eight.
    public static let maximumVirtualCPUs = 4

    public var memory: MemoryRange
    public var virtualCPUs: UInt64
    public var entry: UInt64
    /// The first argument (`x0`) of the boot CPU: the device tree's address, or 0.
    public var argument: UInt64
    /// 1 if SYSTEM_RESET restarts the machine, 0 if it ends the machine.
    public var restarts: UInt64
    public var segments: InlineArray<8, GuestSegment>
    /// The core of each virtual CPU.
    public var cores: InlineArray<8, UInt64>
    /// The address at which the monitor can read the board's PL031, or 0 if it cannot.
    public var seesClock: UInt64
    /// The mask of the shared regions, by number, whose doorbells the machine may ring.
    public var doorbells: UInt64
    /// The bits of `FailureActions`.
    public var failureActions: UInt64
    /// The random bytes in the machine's device tree, which the monitor renews at each start. Addresses and sizes are
    /// multiples of 4; the size is 0 if the record is unused.
    public var randomBytes: InlineArray<2, MemoryRange>

    public init(
        memory: MemoryRange, virtualCPUs: UInt64, entry: UInt64, argument: UInt64, restarts: UInt64,
        segments: InlineArray<8, GuestSegment>, cores: InlineArray<8, UInt64>, seesClock: UInt64, doorbells: UInt64,
        failureActions: UInt64, randomBytes: InlineArray<2, MemoryRange>
    ) {
        (self.memory, self.virtualCPUs, self.entry, self.argument) = (memory, virtualCPUs, entry, argument)
        (self.restarts, self.segments, self.cores, self.seesClock) = (restarts, segments, cores, seesClock)
        (self.doorbells, self.failureActions, self.randomBytes) = (doorbells, failureActions, randomBytes)
    }
}
