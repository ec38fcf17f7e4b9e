import ABI
import Entente
import VirtualPlatform

/// The kernel's virtual interrupts, the machine's console and the board's time, as the devices see them.
struct KernelEnvironment: InterruptPort, DeviceEnvironment {
    private var console: Console { Console() }
    private let mayUseTimer: Bool
    private var mustTellReader = false

    /// - Parameter mayUseTimer: false while the monitor's timer serves the machine's end or its next start.
    @inline(__always)
    init(mayUseTimer: Bool = true) { self.mayUseTimer = mayUseTimer }

    private static func slot(_ virtualCPU: Int) -> UInt32 {
        InitialSlot.firstVirtualCPU + UInt32(truncatingIfNeeded: virtualCPU)
    }

    mutating func control(_ form: VirtualInterruptControl, virtualCPU: Int, index: UInt64, value: UInt64) {
        virtualInterrupt(KernelEnvironment.slot(virtualCPU), form, index, value)
    }

    mutating func state(ofWord word: Int, virtualCPU: Int) -> InterruptWordState {
        let words = virtualInterrupt(KernelEnvironment.slot(virtualCPU), .readWord, UInt64(word)).words
        return InterruptWordState(
            pending: UInt32(truncatingIfNeeded: words.w1), active: UInt32(truncatingIfNeeded: words.w2))
    }

    func transmit(_ byte: UInt8) -> Bool { console.put(byte) }
    func receive() -> UInt8? { console.take() }
    mutating func tellReader() { mustTellReader = true }

    /// Does what devices have asked for and what must not be done under the machine's lock: the console driver is more
    /// urgent than the machine, so that a thread which told it under the lock would be off its core with the lock held.
    @inline(__always)
    func finish() {
        if mustTellReader { console.flush() }
    }

    /// A user sees output this much later at most: a thousandth of a second.
    private static let momentsPerSecond: UInt64 = 1000

    /// The timer belongs to the core that has set it, which is the first thread's if a look at the time is due. A
    /// thread of another core asks the first thread to set it.
    func askForMoment() -> Bool {
        guard mayUseTimer else { return false }
        if !setMoment() { signal(InitialSlot.notification, bits: Monitor.Wake.wantsMoment) }
        return true
    }

    func setMoment() -> Bool {
        let deadline = Clock.now &+ Clock.frequency / KernelEnvironment.momentsPerSecond
        return setTimer(InitialSlot.notification, deadline: deadline, bits: Monitor.Wake.moment) == .ok
    }

    /// The first thread deals with it, on the monitor's own time.
    func report(_ failure: MachineFailure) {
        signal(InitialSlot.notification, bits: Monitor.Wake.bit(of: failure))
    }

    func ticks() -> UInt64 { Clock.now }
    func ticksPerSecond() -> UInt64 { Clock.frequency }

    /// A board without a clock has started in 1970.
    func seconds() -> UInt32 {
        MachineDescription.own.boardSeconds ?? UInt32(truncatingIfNeeded: Clock.now / Clock.frequency)
    }

    func askForWatch() { signal(InitialSlot.notification, bits: Monitor.Wake.time) }
}
