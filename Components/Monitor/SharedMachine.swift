import ABI
import RuntimeSupport
import Synchronization
import VirtualPlatform

/// A machine's devices and power state, which the monitor's threads share: one thread serves the virtual CPUs of each
/// core.
struct SharedMachine: ~Copyable {
    private let lock = SpinLock()
    private var state: State

    struct State {
        var devices: PlatformDevices
        var power: PowerController
        var output = OutputBatch()

        init(virtualCPUCount: Int) {
            devices = PlatformDevices(virtualCPUCount: virtualCPUCount)
            power = PowerController(virtualCPUCount: virtualCPUCount)
        }
    }

    init(virtualCPUCount: Int) {
        state = State(virtualCPUCount: virtualCPUCount)
    }

    /// Where the one instance lies; set once, before the first virtual CPU starts.
    private nonisolated(unsafe) static var instance: UnsafeMutablePointer<SharedMachine>? = nil

    static func publish(_ pointer: UnsafeMutablePointer<SharedMachine>) {
        // SAFETY: called once, by the first thread, before a virtual CPU runs that another thread could serve.
        unsafe instance = pointer
    }

    /// Runs `body` while no other thread does. The kernel's operations may be called in it, but none that waits.
    @inline(__always)
    static func withLock<Result>(_ body: (inout State) -> Result) -> Result {
        // SAFETY: exits come only after `publish`, and the state is touched only here, under the lock.
        let machine = unsafe instance.unsafelyUnwrapped
        unsafe machine.pointee.lock.acquire()
        let result = unsafe body(&machine.pointee.state)
        unsafe machine.pointee.lock.release()
        return result
    }
}

/// A lock for a handful of threads, each on a core of its own, that hold it for a short time.
struct SpinLock: ~Copyable {
    private let isHeld = Atomic<Bool>(false)

    @inline(__always)
    func acquire() {
        while isHeld.exchange(true, ordering: .acquiring) {
            while isHeld.load(ordering: .relaxed) { entente_spin_hint() }
        }
    }

    @inline(__always)
    func release() { isHeld.store(false, ordering: .releasing) }
}
