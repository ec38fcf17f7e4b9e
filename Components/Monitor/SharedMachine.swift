import ABI
@_spi(Kernel) import Entente
import RuntimeSupport
import Synchronization
import VirtualPlatform

/// A machine's devices and power state, which the monitor's threads share. Each thread serves the virtual CPUs of one
/// core. All access goes through `withLock`.
struct SharedMachine: ~Copyable {
    private let lock = RelayLock()
    /// The number of threads that have left a virtual CPU stopped and not yet enlisted it.
    private let deferrals = Atomic<Int>(0)
    private var state: State

    struct State {
        var devices: PlatformDevices
        var power: PowerController
        var cycle = PowerCycle()

        init(virtualCPUCount: Int, _ options: PlatformOptions) {
            devices = PlatformDevices(virtualCPUCount: virtualCPUCount, options: options)
            power = PowerController(virtualCPUCount: virtualCPUCount, machine: .starting)
        }

        /// Resets devices and power state for the machine's next start.
        mutating func reset() {
            devices.reset()
            power = PowerController(virtualCPUCount: power.virtualCPUCount, machine: .starting)
        }
    }

    init(_ machine: MonitoredMachine) {
        state = State(virtualCPUCount: machine.virtualCPUCount, machine.options)
    }

    /// The address of the one instance; set once, before the first virtual CPU starts.
    private nonisolated(unsafe) static var instance: UnsafeMutablePointer<SharedMachine>? = nil

    static func publish(_ pointer: UnsafeMutablePointer<SharedMachine>) {
        // SAFETY: called once, by the first thread, before a virtual CPU runs that another thread could serve.
        unsafe instance = pointer
    }
}

// MARK: - The lock

extension SharedMachine {
    /// The number of attempts before a thread gives up. They take some microseconds, which is longer than a holder
    /// that runs needs.
    private static let patience = 1000

    /// Runs `body` while no other thread does. `body` may call operations of the kernel, but none that waits.
    /// - Returns: nil if another thread holds the lock, which probably is off its core. The caller then enlists its
    ///   work (`whenFree`).
    @inline(__always)
    static func withLock<Result>(_ body: (inout State) -> Result) -> Result? {
        // SAFETY: exits come only after `publish`, and the state is touched only here and in `wake`, under the lock.
        let machine = unsafe instance.unsafelyUnwrapped
        guard unsafe machine.pointee.lock.tryAcquire() || acquirePatiently() else { return nil }
        let result = unsafe body(&machine.pointee.state)
        let waiters = unsafe machine.pointee.lock.release()
        if !waiters.isNone { wakeAndRelease(waiters) }
        return result
    }

    @inline(never)
    private static func acquirePatiently() -> Bool {
        // SAFETY: as in `withLock`.
        let machine = unsafe instance.unsafelyUnwrapped
        for _ in 0..<patience {
            entente_spin_hint()
            if unsafe machine.pointee.lock.tryAcquire() { return true }
        }
        return false
    }

    /// Makes the holder wake `waiters` once the lock is free.
    static func whenFree(_ waiters: Waiters) {
        // SAFETY: as in `withLock`.
        let machine = unsafe instance.unsafelyUnwrapped
        guard unsafe !machine.pointee.lock.enlist(waiters) else { return }
        wakeAndRelease(.none)
    }

    /// Wakes the waiters and releases the lock, which the caller holds. The loop repeats only if a thread has found
    /// the lock held meanwhile for as long as `patience` lasts.
    @inline(never)
    private static func wakeAndRelease(_ waiters: Waiters) {
        // SAFETY: as in `withLock`.
        let machine = unsafe instance.unsafelyUnwrapped
        var waiters = waiters
        repeat {
            unsafe wake(waiters, machine.pointee.state.power)
            waiters = unsafe machine.pointee.lock.release()
        } while !waiters.isNone
    }

    /// Lets virtual CPUs that waited continue, unless the machine has been stopped meanwhile. The caller holds the
    /// lock, so that none starts while another thread stops the machine.
    private static func wake(_ waiters: Waiters, _ power: PowerController) {
        for number in 0..<power.virtualCPUCount
        where waiters.contains(virtualCPU: number) && power.mayRun(number) {
            _ = VirtualCPU(number: number).start()
        }
        if waiters.notificationBits != 0 { signal(InitialSlot.notification, bits: waiters.notificationBits) }
    }
}

// MARK: - Exits that have to wait

extension SharedMachine {
    /// Runs `body`, which leaves a virtual CPU stopped, and enlists it: once the lock is free, it makes its exit
    /// again. The machine does not count as stopped meanwhile (`hasDeferrals`). Otherwise the machine could be
    /// started again, and a virtual CPU of its new life would be taken for the one that waits.
    static func deferExit(of virtualCPU: Int, _ body: () -> Void) {
        // SAFETY: as in `withLock`; the counter is atomic.
        let machine = unsafe instance.unsafelyUnwrapped
        unsafe machine.pointee.deferrals.wrappingAdd(1, ordering: .acquiringAndReleasing)
        body()
        whenFree(.virtualCPU(virtualCPU))
        unsafe machine.pointee.deferrals.wrappingSubtract(1, ordering: .acquiringAndReleasing)
    }

    static var hasDeferrals: Bool {
        // SAFETY: as in `deferExit`.
        unsafe instance.unsafelyUnwrapped.pointee.deferrals.load(ordering: .acquiring) != 0
    }
}
