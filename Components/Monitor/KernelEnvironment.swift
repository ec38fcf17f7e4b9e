import ABI
@_spi(Kernel) import Entente
import VirtualPlatform

/// The environment of the devices: the kernel's virtual interrupts, the machine's console and the board's time.
struct KernelEnvironment: InterruptPort, DeviceEnvironment {
    private var console: Console { Console() }
    private let mayUseTimer: Bool
    private var mustTellReader = false

    /// Makes the environment for one access or event.
    /// - Parameter mayUseTimer: false while the monitor's timer serves the machine's end or its next start.
    @inline(__always)
    init(mayUseTimer: Bool = true) { self.mayUseTimer = mayUseTimer }

    private static func slot(_ virtualCPU: Int) -> UInt32 {
        MonitorSlot.firstVirtualCPU + UInt32(truncatingIfNeeded: virtualCPU)
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
    func receive() -> UInt16? { console.takeCharacter() }
    mutating func tellReader() { mustTellReader = true }

    /// Tells the console driver of output, if a device requested it. The caller has released the device's lock. The
    /// driver is more urgent than the machine, so that a thread that told it under the lock would leave its core
    /// while it holds the lock.
    @inline(__always)
    func finish() {
        if mustTellReader { console.flush() }
    }

    /// The number of moments in a second, which bounds the delay of output to 1 ms.
    private static let momentsPerSecond: UInt64 = 1000

    /// Requests a moment. The timer belongs to the core that has set it, which is the first thread's core if a call
    /// of `watch` is due. A thread of another core asks the first thread to set it.
    func askForMoment() -> Bool {
        guard mayUseTimer else { return false }
        if !setMoment() { signal(InitialSlot.notification, bits: Monitor.Wake.wantsMoment) }
        return true
    }

    func setMoment() -> Bool {
        let deadline = Clock.now &+ Clock.frequency / KernelEnvironment.momentsPerSecond
        return setTimer(InitialSlot.notification, deadline: deadline, bits: Monitor.Wake.moment) == .ok
    }

    /// Leaves the failure to the first thread, which handles it on the monitor's own time.
    func report(_ failure: MachineFailure) {
        signal(InitialSlot.notification, bits: Monitor.Wake.bit(of: failure))
    }

    func ticks() -> UInt64 { Clock.now }
    func ticksPerSecond() -> UInt64 { Clock.frequency }

    /// Returns the board's seconds. A board without a clock has started in 1970.
    func seconds() -> UInt32 {
        MonitoredMachine.own.boardSeconds ?? UInt32(truncatingIfNeeded: Clock.now / Clock.frequency)
    }

    private var virtio: VirtioMemory { SharedMachine.own.virtio }
    var hasVirtioPages: Bool { virtio.isPresent }
    func loadVirtioWord(_ offset: Int) -> UInt64 { virtio.loadWord(offset) }
    func storeVirtioWord(_ value: UInt64, _ offset: Int) { virtio.storeWord(value, offset) }
    func loadVirtioRegister(_ offset: Int) -> UInt32 { virtio.loadRegister(offset) }
    func storeVirtioRegister(_ value: UInt32, _ offset: Int) { virtio.storeRegister(value, offset) }
    func tellBackend() { virtio.tellBackend() }

    func askForWatch() { signal(InitialSlot.notification, bits: Monitor.Wake.time) }
}
