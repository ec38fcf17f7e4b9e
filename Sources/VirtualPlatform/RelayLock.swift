import Synchronization

/// A lock for which nobody waits: a thread that finds it held leaves bits behind that say what waits, and the holder
/// wakes what they name when it releases the lock.
///
/// The threads of a monitor run on different cores. A holder that was preempted may be off its core for as long as
/// another tenant there likes, so that a thread that spun for it would burn its own core's time without bound.
public struct RelayLock: ~Copyable, Sendable {
    /// Bit 0: held. The others: what waits for the holder; they are set only while bit 0 is.
    private let word = Atomic<UInt64>(0)
    private static let held: UInt64 = 1

    public init() {}

    /// Takes the lock if it is free.
    @inline(__always)
    public func tryAcquire() -> Bool {
        word.compareExchange(expected: 0, desired: RelayLock.held, ordering: .acquiring).exchanged
    }

    /// Gives the lock back, unless somebody waits.
    /// - Returns: What waits, or nothing. If something does, the caller still holds the lock: it wakes them, then
    ///   releases again. So what it decides about them is decided under the lock.
    @inline(__always)
    public func release() -> Waiters {
        if word.compareExchange(expected: RelayLock.held, desired: 0, ordering: .releasing).exchanged {
            return .none
        }
        return takeWaiters()
    }

    @inline(never)
    private func takeWaiters() -> Waiters {
        Waiters(word: word.exchange(RelayLock.held, ordering: .acquiringAndReleasing) & ~RelayLock.held)
    }

    /// Leaves `waiters` to the holder. A loop turns only when another thread has changed the word meanwhile.
    /// - Returns: False: nobody holds the lock any more. Then the caller does, and wakes them itself.
    public func enlist(_ waiters: Waiters) -> Bool {
        var found = word.load(ordering: .relaxed)
        while true {
            let isHeld = found & RelayLock.held != 0
            let desired = isHeld ? found | waiters.word : RelayLock.held
            let (exchanged, original) = word.compareExchange(
                expected: found, desired: desired, ordering: .acquiringAndReleasing)
            if exchanged { return isHeld }
            found = original
        }
    }
}

/// What waits for a machine's lock: virtual CPUs that were left stopped until it is free, and bits of the monitor's own
/// notification.
public struct Waiters: Equatable, Sendable {
    let word: UInt64
    private static let notificationShift: UInt64 = 16

    @inline(__always) init(word: UInt64) { self.word = word }

    public static var none: Waiters { Waiters(word: 0) }

    /// - Parameter number: 0…7.
    public static func virtualCPU(_ number: Int) -> Waiters { Waiters(word: 2 << UInt64(number & 7)) }

    /// - Parameter bits: below 2⁴⁸.
    public static func notification(_ bits: UInt64) -> Waiters { Waiters(word: bits << notificationShift) }

    @inline(__always) public var isNone: Bool { word == 0 }
    public var notificationBits: UInt64 { word >> Waiters.notificationShift }

    public func contains(virtualCPU number: Int) -> Bool { word & Waiters.virtualCPU(number).word != 0 }
}
