import ABI

@testable import VirtualPlatform

/// The environment of a machine without virtio devices.
protocol NoVirtio: VirtioPort {}

extension NoVirtio {
    var hasVirtioPages: Bool { false }
    func loadVirtioWord(_ offset: Int) -> UInt64 { preconditionFailure("no virtio pages") }
    func storeVirtioWord(_ value: UInt64, _ offset: Int) { preconditionFailure("no virtio pages") }
    func loadVirtioRegister(_ offset: Int) -> UInt32 { 0 }
    func storeVirtioRegister(_ value: UInt32, _ offset: Int) { preconditionFailure("no virtio pages") }
    func tellBackend() { preconditionFailure("no virtio pages") }
}

/// Stands in for the kernel's interrupt state and for the console.
struct FakeEnvironment: InterruptPort, DeviceEnvironment, NoVirtio {
    /// The kernel's state of one virtual CPU.
    struct Interrupts: Equatable {
        var enabled = [UInt32](repeating: 0, count: 4)
        var latched = [UInt32](repeating: 0, count: 4)
        var active = [UInt32](repeating: 0, count: 4)
        var edge = [UInt32](repeating: 0, count: 4)
        var level = [UInt32](repeating: 0, count: 4)
        var priorities = [UInt8](repeating: 0, count: 128)
        var forwards = false

        func pending(_ word: Int) -> UInt32 { latched[word] | level[word] & ~edge[word] }
    }

    var virtualCPUs: [Interrupts]
    /// The number of forms that were applied.
    var controls = 0
    var levelChanges = 0
    var output: [UInt8] = []
    /// The number of bytes that the wire still takes.
    var room = Int.max
    var input: [UInt8] = []

    init(virtualCPUs count: Int = 1) {
        virtualCPUs = Array(repeating: Interrupts(), count: count)
    }

    mutating func control(_ form: VirtualInterruptControl, virtualCPU: Int, index: UInt64, value: UInt64) {
        controls += 1
        let place = Int(index)
        let mask = UInt32(value)
        switch form {
        case .enable: virtualCPUs[virtualCPU].enabled[place] |= mask
        case .disable: virtualCPUs[virtualCPU].enabled[place] &= ~mask
        case .setPending: virtualCPUs[virtualCPU].latched[place] |= mask
        case .clearPending: virtualCPUs[virtualCPU].latched[place] &= ~mask
        case .setActive: virtualCPUs[virtualCPU].active[place] |= mask
        case .clearActive: virtualCPUs[virtualCPU].active[place] &= ~mask
        case .setEdge: virtualCPUs[virtualCPU].edge[place] = mask
        case .setPriority: virtualCPUs[virtualCPU].priorities[place] = UInt8(value)
        case .setLevel:
            levelChanges += 1
            let bit: UInt32 = 1 << UInt32(place % 32)
            let wasHigh = virtualCPUs[virtualCPU].level[place / 32] & bit != 0
            precondition(wasHigh != (value != 0), "the level did not change")
            virtualCPUs[virtualCPU].level[place / 32] ^= bit
            let edge = virtualCPUs[virtualCPU].edge[place / 32]
            if value != 0 { virtualCPUs[virtualCPU].latched[place / 32] |= bit & edge }
        case .setForwarding: virtualCPUs[virtualCPU].forwards = value != 0
        case .readWord, .readPriority: preconditionFailure("not a change")
        }
    }

    mutating func state(ofWord word: Int, virtualCPU: Int) -> InterruptWordState {
        InterruptWordState(
            pending: virtualCPUs[virtualCPU].pending(word), active: virtualCPUs[virtualCPU].active[word])
    }

    mutating func transmit(_ byte: UInt8) -> Bool {
        guard room > 0 else { return false }
        room -= 1
        output.append(byte)
        return true
    }

    /// The number of times that the reader was told of output. The next two count requested moments, and allow them.
    var tellings = 0
    var moments = 0
    var hasMoments = true
    mutating func tellReader() { tellings += 1 }
    mutating func askForMoment() -> Bool {
        moments += 1
        return hasMoments
    }

    /// The board's time. The next two are the system counter, and the number of requested looks at the time.
    var time: UInt32 = 1_700_000_000
    var counter: UInt64 = 1 << 40
    var frequency: UInt64 = 62_500_000
    var watches = 0
    /// The failures that devices have reported.
    var failures: [MachineFailure] = []
    mutating func report(_ failure: MachineFailure) { failures.append(failure) }
    func seconds() -> UInt32 { time }
    func ticks() -> UInt64 { counter }
    func ticksPerSecond() -> UInt64 { frequency }
    mutating func askForWatch() { watches += 1 }

    var flash = FakeFlash()
    func flashWord(at offset: UInt64) -> UInt32 { flash.words[offset] ?? 0 }
    mutating func setFlashWord(at offset: UInt64, _ value: UInt32) { flash.set(offset, value) }
    mutating func eraseFlash(at offset: UInt64, lanes: UInt32) { flash.erase(offset, lanes) }
    mutating func showFlash() -> Bool { flash.show() }
    mutating func hideFlash() { flash.hide() }

    /// True if a break arrives before `input`.
    var hasBreak = false
    mutating func receive() -> UInt16? {
        guard !hasBreak else {
            hasBreak = false
            return ConsoleQueue.breakCharacter
        }
        return input.isEmpty ? nil : UInt16(input.removeFirst())
    }
}

/// A machine's devices with a fake environment behind them, accessed as a guest does.
struct Fixture {
    var devices: PlatformDevices
    var environment: FakeEnvironment

    init(virtualCPUs count: Int = 1, hasWatchdog: Bool = false, hasFlash: Bool = false) {
        var options = PlatformOptions()
        (options.hasWatchdog, options.hasFlash) = (hasWatchdog, hasFlash)
        devices = PlatformDevices(virtualCPUCount: count, options: options)
        environment = FakeEnvironment(virtualCPUs: count)
        for number in 0..<count { devices.interrupts.restore(number, LatchedInterrupts(), &environment) }
    }

    /// Resets the machine, and the kernel's state of its virtual CPUs with it.
    mutating func reset() {
        devices.reset(&environment)
    }

    /// Loads from an address. Returns nil if there is no device.
    mutating func load(_ address: UInt64, size: UInt64 = 4) -> UInt64? {
        let access = MemoryAccess(address: address, size: size, write: nil)
        return devices.perform(access, &environment).map(access.registerValue)
    }

    /// Stores to an address. Returns false if there is no device.
    @discardableResult
    mutating func store(_ address: UInt64, _ value: UInt64, size: UInt64 = 4) -> Bool {
        devices.perform(MemoryAccess(address: address, size: size, write: value), &environment) != nil
    }

    /// Reads a register of the distributor.
    mutating func distributor(_ offset: UInt64, size: UInt64 = 4) -> UInt64 {
        load(PlatformMap.distributor + offset, size: size)!
    }

    mutating func setDistributor(_ offset: UInt64, _ value: UInt64, size: UInt64 = 4) {
        store(PlatformMap.distributor + offset, value, size: size)
    }

    /// Returns the place of a register of a virtual CPU's redistributor.
    static func redistributor(_ virtualCPU: Int, _ offset: UInt64) -> UInt64 {
        PlatformMap.redistributors + UInt64(virtualCPU) * PlatformMap.redistributorStride + offset
    }

    mutating func route(_ interrupt: UInt64, to virtualCPU: UInt64) {
        setDistributor(0x6000 + 8 * interrupt, virtualCPU, size: 8)
    }
}
