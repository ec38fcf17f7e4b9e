import Synchronization

#if hasFeature(Embedded)
    typealias SharedBool = Atomic<Bool>
    typealias SharedUInt64 = Atomic<UInt64>
#else
    // On the host, each access of these types can be a point at which another core continues; see
    // `Tests/Interleaving`.
    import SharedAccess
#endif

/// A lock for which no thread waits. A thread that finds it held leaves bits that name waiters, and the holder wakes
/// these waiters when it releases the lock.
///
/// The threads of a monitor run on different cores. A holder that was preempted may be off its core for as long as
/// another tenant there likes, so that a thread that spun would burn its own core's time without bound.
///
/// A waiter leaves its bits and then checks whether the lock is held; a holder releases the lock and then checks for
/// bits. All four accesses are sequentially consistent, so that at least one of the two sees the other.
public struct RelayLock: ~Copyable, Sendable {
    private let isHeld = SharedBool(false)
    /// The bits of the waiters. Only a holder takes bits out.
    private let waiting = SharedUInt64(0)

    public init() {}

    /// Takes the lock if it is free.
    @inline(__always)
    public func tryAcquire() -> Bool { !isHeld.exchange(true, ordering: .sequentiallyConsistent) }

    /// Releases the lock.
    /// - Returns: the waiters, or none. If there are some, the caller holds the lock again. It must wake them and
    ///   then release again, so that all decisions about waiters are made under the lock.
    @inline(__always)
    public func release() -> Waiters {
        isHeld.store(false, ordering: .sequentiallyConsistent)
        return waiting.load(ordering: .sequentiallyConsistent) == 0 ? .none : takeWaiters()
    }

    /// Takes the lock again and the bits out. Returns nothing if another thread has the lock by now, because that
    /// thread checks when it releases. The loop repeats only if other threads have taken the bits and left new ones
    /// meanwhile.
    @inline(never)
    private func takeWaiters() -> Waiters {
        while waiting.load(ordering: .sequentiallyConsistent) != 0, tryAcquire() {
            let taken = waiting.exchange(0, ordering: .sequentiallyConsistent)
            if taken != 0 { return Waiters(word: taken) }
            isHeld.store(false, ordering: .sequentiallyConsistent)
        }
        return .none
    }

    /// Leaves `waiters` to the holder.
    /// - Returns: false if no thread holds the lock any more. Then the caller holds it, and its `release` returns
    ///   them.
    public func enlist(_ waiters: Waiters) -> Bool {
        _ = waiting.bitwiseOr(waiters.word, ordering: .sequentiallyConsistent)
        return isHeld.load(ordering: .sequentiallyConsistent) || !tryAcquire()
    }
}

/// The waiters for the lock of a machine's unit: virtual CPUs that stay stopped until the lock is free, bits of the
/// monitor's own notification, and lines that the interrupt controller has to follow.
public struct Waiters: Equatable, Sendable {
    private(set) var word: UInt64
    private static let notificationShift: UInt64 = 16
    private static let virtualCPUMask: UInt64 = 0xFF
    private static let linesBit: UInt64 = 1 << 8

    @inline(__always) init(word: UInt64) { self.word = word }

    public static var none: Waiters { Waiters(word: 0) }

    /// - Parameter number: 0…7.
    public static func virtualCPU(_ number: Int) -> Waiters { Waiters(word: 1 << UInt64(number & 7)) }

    /// - Parameter bits: below 2⁴⁸.
    public static func notification(_ bits: UInt64) -> Waiters { Waiters(word: bits << notificationShift) }

    /// The lines of devices, of which at least one has changed its level.
    static var lines: Waiters { Waiters(word: linesBit) }

    mutating func insert(_ others: Waiters) { word |= others.word }

    @inline(__always) public var isNone: Bool { word == 0 }
    var hasLines: Bool { word & Waiters.linesBit != 0 }
    /// The virtual CPUs among the waiters.
    var virtualCPUs: Waiters { Waiters(word: word & Waiters.virtualCPUMask) }
    public var notificationBits: UInt64 { word >> Waiters.notificationShift }

    public func contains(virtualCPU number: Int) -> Bool { word & Waiters.virtualCPU(number).word != 0 }
}
