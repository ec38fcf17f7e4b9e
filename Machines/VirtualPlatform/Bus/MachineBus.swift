import Synchronization

#if !hasFeature(Embedded)
    import SharedAccess
#endif

/// The words of a machine's bus that the threads of its monitor share: a lock for each device, one for the interrupt
/// controller, one for the power state, and the levels of the lines.
///
/// The bus holds locks and no state. `MachineUnits` gives a thread the state of a unit whose lock the thread holds.
///
/// The order of the locks: a thread that holds the lock of the power state may try the lock of a device or of the
/// controller. A thread that holds the lock of a device or of the controller takes no other lock. So no thread holds
/// the locks of two devices. A device stays accessible while a thread that holds another unit's lock is off its core.
/// A thread that cannot take a lock never waits for it (`RelayLock`).
public struct MachineBus: ~Copyable, Sendable {
    /// The locks of the units, in the order of `MachineUnit.index`.
    private let locks: InlineArray<34, SpacedLock>
    let levels = LineLevels()
    let timeRequest = TimeRequest()
    /// True while the machine runs, as the power state says. Only a holder of the power state's lock changes it.
    private let running = SharedBool(false)
    /// The virtual CPUs that were left stopped until a lock is free, a bit for each. A bit is set before the virtual
    /// CPU is left stopped. A holder of the power state's lock clears it when it decides whether the virtual CPU
    /// continues. While a bit is set, the machine does not count as stopped. Otherwise the machine could be started
    /// again, and a virtual CPU of its new life would be taken for the one that waits.
    private let deferrals = SharedUInt64(0)
    let options: PlatformOptions
    let virtualCPUCount: Int

    /// The number of devices for which there are locks.
    static let maximumDevices = 32

    /// A lock and the rest of 64 bytes, so that cores that use different units seldom share a cache line.
    private struct SpacedLock: ~Copyable, Sendable {
        let lock = RelayLock()
        private let rest = InlineArray<6, UInt64>(repeating: 0)
    }

    /// - Parameter virtualCPUCount: 1…`PlatformMap.maximumVirtualCPUs`.
    public init(virtualCPUCount: Int, options: PlatformOptions = PlatformOptions()) {
        locks = InlineArray { _ in SpacedLock() }
        self.virtualCPUCount = virtualCPUCount
        self.options = options
    }

    // MARK: The lock of a unit, as `RelayLock` documents

    @inline(__always) func tryAcquire(_ unit: MachineUnit) -> Bool { locks[unit.index].lock.tryAcquire() }
    @inline(__always) func release(_ unit: MachineUnit) -> Waiters { locks[unit.index].lock.release() }
    func enlist(_ waiters: Waiters, at unit: MachineUnit) -> Bool { locks[unit.index].lock.enlist(waiters) }

    // MARK: Whether the machine runs

    /// True while the machine runs. An access to a device checks this without a lock.
    ///
    /// An access that has passed the check is harmless while another thread stops the machine. Its virtual CPU does not
    /// count as stopped before the reply to its exit. The monitor resets the devices only after all virtual CPUs have
    /// stopped and no deferral is open, so that the access ends before that. Other state than this word is read under
    /// the lock of its unit, so that the load needs no order.
    @inline(__always) var isRunning: Bool { running.load(ordering: .relaxed) }

    func setRunning(_ isRunning: Bool) { running.store(isRunning, ordering: .releasing) }

    // MARK: Deferrals

    var hasDeferrals: Bool { deferrals.load(ordering: .sequentiallyConsistent) != 0 }

    func beginDeferral(of virtualCPU: Int) {
        _ = deferrals.bitwiseOr(MachineBus.bit(virtualCPU), ordering: .sequentiallyConsistent)
    }

    func endDeferral(of virtualCPU: Int) {
        _ = deferrals.bitwiseAnd(~MachineBus.bit(virtualCPU), ordering: .sequentiallyConsistent)
    }

    private static func bit(_ virtualCPU: Int) -> UInt64 { 1 << UInt64(virtualCPU & 7) }
}

/// A device, the interrupt controller or the power state of a machine, by the number of its lock.
public struct MachineUnit: Equatable, Sendable {
    let index: Int

    @inline(__always) private init(index: Int) { self.index = index }

    @inline(__always) public static var power: MachineUnit { MachineUnit(index: 0) }
    @inline(__always) public static var controller: MachineUnit { MachineUnit(index: 1) }
    /// - Parameter number: the device's position in `MachineDevices`.
    @inline(__always) public static func device(_ number: Int) -> MachineUnit { MachineUnit(index: number &+ 2) }
}
