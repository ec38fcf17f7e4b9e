import ABI
@_spi(Kernel) import Entente
import RuntimeSupport
import Synchronization
import VirtualPlatform

/// The description of the machine that root passes to the monitor, and the loading of the machine's RAM.
@safe
struct MonitoredMachine {
    private let configuration: UnsafePointer<ComponentConfiguration>

    static var own: MonitoredMachine { MonitoredMachine() }

    private init() {
        // SAFETY: root mapped the configuration there, read-only, for as long as the component lives.
        unsafe configuration = UnsafePointer(bitPattern: UInt(ComponentLayout.configuration))!
    }

    private var machine: MachineConfiguration {
        // SAFETY: see `init`.
        unsafe configuration.pointee.machine
    }

    var memory: MemoryRange { machine.memory }
    var entry: UInt64 { machine.entry }
    var argument: UInt64 { machine.argument }
    var restarts: Bool { machine.restarts != 0 }
    var diesOfPanic: Bool { machine.failureActions & FailureActions.diesOfPanic != 0 }

    /// The seed of the monitor's random numbers, which no other life of a tenant has.
    var seed: InlineArray<4, UInt64> {
        // SAFETY: see `init`.
        unsafe configuration.pointee.seed
    }

    /// False if the seed can be guessed.
    var hasEntropy: Bool {
        // SAFETY: see `init`.
        unsafe configuration.pointee.hasEntropy != 0
    }

    var options: PlatformOptions {
        var options = PlatformOptions()
        options.hasVirtio = Configuration.resource(.virtioPages, named: "virtio") != nil
        options.hasWatchdog = machine.failureActions & FailureActions.hasWatchdog != 0
        options.hasFlash = FlashMemory.own != nil
        return options
    }

    var ram: GuestMemory<MappedRAM> { GuestMemory(memory, MappedRAM()) }

    /// Returns the instruction at an address of the machine's RAM or of its firmware; nil if it is not aligned or
    /// neither of them.
    func instruction(at address: UInt64) -> UInt32? {
        if let found = ram.instruction(at: address) { return found }
        guard let firmware = Configuration.resource(.lastingMemory, named: "firmware"),
            let range = GuestBounds(MemoryRange(base: MachineFlash.code, size: firmware.size))
                .range(at: address, size: 4, alignedTo: 4)
        else { return nil }
        let place = firmware.address &+ (range.address &- MachineFlash.code)
        // SAFETY: root has mapped the firmware there, read-only, for as long as the monitor lives, and nobody can
        // write it. The range lies in it.
        return unsafe UnsafePointer<UInt32>(bitPattern: UInt(place)).unsafelyUnwrapped.pointee
    }

    var virtualCPUCount: Int {
        Int(min(max(machine.virtualCPUs, 1), UInt64(PlatformMap.maximumVirtualCPUs)))
    }

    /// Returns the division of the filling of RAM into pieces.
    /// - Parameter maps: true if RAM must be mapped as well.
    func loadingPlan(maps: Bool) -> LoadingPlan {
        var segments = InlineArray<8, MemoryRange>(repeating: MemoryRange(base: 0, size: 0))
        for index in machine.segments.indices {
            let segment = machine.segments[index]
            segments[index] = MemoryRange(base: segment.address, size: segment.size)
        }
        return LoadingPlan(memory: memory, maps: maps, segments: segments)
    }

    /// Fills a piece of the machine's RAM.
    /// - Returns: false if the piece cannot be mapped, or is not RAM.
    func fill(_ piece: LoadingPlan.Piece) -> Bool {
        switch piece {
        case .map(let offset, let size, let clears):
            let own = Rights(rawValue: Rights.read.rawValue | Rights.write.rawValue)
            guard map(offset, size, into: InitialSlot.space, own, MonitorSlot.ownMapping) else { return false }
            if clears, !ram.clear(at: memory.base &+ offset, size: size) { return false }
            // Maps the piece for the machine last, so that the machine cannot see data that others have left there. A
            // piece that is not cleared is overwritten as a whole before the machine starts.
            return map(offset, size, into: MonitorSlot.machineSpace, .all, MonitorSlot.machineMapping)
        case .clear(let offset, let size): return ram.clear(at: memory.base &+ offset, size: size)
        case .copy(let index, let offset, let size):
            let segment = machine.segments[index]
            let source = ComponentLayout.modules + segment.offset + offset
            return ram.fill(at: segment.address &+ offset, size: size, from: source)
        }
    }

    /// Renews the random bytes in the machine's device tree, which the image has filled.
    /// - Parameter draw: returns 256 random bits.
    func renewRandomBytes(_ draw: () -> InlineArray<4, UInt64>) {
        for index in machine.randomBytes.indices {
            let bytes = machine.randomBytes[index]
            var offset: UInt64 = 0
            while offset < bytes.size {
                let size = min(bytes.size - offset, 32)
                // The host tool has found the bytes in a piece that it loads into RAM.
                guard ram.mix(draw(), at: bytes.base &+ offset, size: size) else { break }
                offset += size
            }
        }
    }

    /// Maps a piece of RAM at its guest-physical address, as a continuation of the mapping in `slot`.
    private func map(_ offset: UInt64, _ size: UInt64, into space: UInt32, _ rights: Rights, _ slot: UInt32) -> Bool {
        var done: UInt64 = 0
        while done < size {
            let answer = invoke(
                .map, Selector(slot: space),
                Words(
                    UInt64(MonitorSlot.machineMemory), memory.base + offset + done, offset + done, size - done,
                    UInt64(rights.rawValue), UInt64(slot)))
            guard answer.status == .ok || answer.status == .again else { return false }
            done += answer.words.w0
        }
        return true
    }

    /// The seconds since 1970 of the board's PL031; nil if there is none.
    var boardSeconds: UInt32? {
        guard machine.seesClock != 0 else { return nil }
        // SAFETY: root has mapped the clock's registers there, read-only, for as long as the monitor lives. RTCDR, the
        // first, can be read at any time.
        let data = unsafe UnsafePointer<Atomic<UInt32>>(bitPattern: UInt(machine.seesClock)).unsafelyUnwrapped
        return unsafe data.pointee.load(ordering: .relaxed)
    }

    /// Returns whether the address lies in the doorbell page of a region that the machine shares.
    func isDoorbell(_ address: UInt64) -> Bool {
        let offset = address &- SharedRegions.doorbells
        guard offset < UInt64(SharedRegions.maximum) * SharedRegions.doorbellSize else { return false }
        return machine.doorbells >> (offset / SharedRegions.doorbellSize) & 1 != 0
    }

    func writeName(to console: Console) {
        // SAFETY: see `init`.
        let name = unsafe configuration.pointee.name
        console.write(name)
    }
}
