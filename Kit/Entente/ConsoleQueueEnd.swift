import ABI
import Synchronization

/// One end of a `ConsoleQueue`. This component's side decides if it may put or take.
@safe
public struct ConsoleQueueEnd {
    let base: UnsafeMutableRawPointer

    /// Uses the queue whose page lies at address `page` in this component's space.
    public init(page: UInt64) {
        // SAFETY: root mapped the queue's page there, and it stays mapped (ComponentLayout.console).
        unsafe base = UnsafeMutableRawPointer(bitPattern: UInt(page))!
    }

    private var head: SharedWord<UInt32> {
        // SAFETY: the offset lies in the page, aligned; only atomic accesses are made of it.
        unsafe SharedWord(
            (base + Int(ConsoleQueue.head)).assumingMemoryBound(to: Atomic<UInt32>.self))
    }

    private var tail: SharedWord<UInt32> {
        // SAFETY: as `head`.
        unsafe SharedWord(
            (base + Int(ConsoleQueue.tail)).assumingMemoryBound(to: Atomic<UInt32>.self))
    }

    private var breakPlace: SharedWord<UInt32> {
        // SAFETY: as `head`.
        unsafe SharedWord(
            (base + Int(ConsoleQueue.breakPlace)).assumingMemoryBound(to: Atomic<UInt32>.self))
    }

    private func slot(_ counter: UInt32) -> SharedByte {
        // SAFETY: the remainder is below `capacity`, and data and capacity fit the page.
        unsafe SharedByte(
            (base + Int(ConsoleQueue.data) + Int(counter % ConsoleQueue.capacity)).assumingMemoryBound(to: UInt8.self))
    }

    /// Puts a byte. Returns false if the queue is full, or if its peer has written an impossible counter.
    public func put(_ byte: UInt8) -> Bool {
        // SAFETY: see the accessors.
        let at = unsafe head.pointee.load(ordering: .relaxed)
        guard unsafe at &- tail.pointee.load(ordering: .acquiring) < ConsoleQueue.capacity else { return false }
        unsafe slot(at).pointee = byte
        unsafe head.pointee.store(at &+ 1, ordering: .releasing)
        return true
    }

    /// Puts a break of the line. Returns false as `put`. A break that another one follows before the peer takes it
    /// becomes a byte of 0.
    public func putBreak() -> Bool {
        // SAFETY: see the accessors.
        let at = unsafe head.pointee.load(ordering: .relaxed)
        guard unsafe at &- tail.pointee.load(ordering: .acquiring) < ConsoleQueue.capacity else { return false }
        unsafe breakPlace.pointee.store(~at, ordering: .relaxed)
        return put(0)
    }

    /// Takes a byte or a break (`ConsoleQueue.breakCharacter`), or returns nil if there is neither.
    public func takeCharacter() -> UInt16? {
        // SAFETY: see the accessors.
        let at = unsafe tail.pointee.load(ordering: .relaxed)
        guard let byte = take() else { return nil }
        guard byte == 0, unsafe breakPlace.pointee.load(ordering: .relaxed) == ~at else { return UInt16(byte) }
        return ConsoleQueue.breakCharacter
    }

    /// Takes a byte, or returns nil if there is none. A break is a byte of 0.
    public func take() -> UInt8? {
        // SAFETY: see the accessors.
        let at = unsafe tail.pointee.load(ordering: .relaxed)
        let end = unsafe head.pointee.load(ordering: .acquiring)
        guard end != at else { return nil }
        guard end &- at <= ConsoleQueue.capacity else {
            unsafe tail.pointee.store(end, ordering: .releasing)
            return nil
        }
        // SAFETY: see the accessors.
        let byte = unsafe slot(at).pointee
        unsafe tail.pointee.store(at &+ 1, ordering: .releasing)
        return byte
    }

    /// The number of bytes that wait; at most `ConsoleQueue.capacity`, for any counter that the peer writes.
    public var count: UInt32 {
        // SAFETY: see the accessors.
        let distance = unsafe head.pointee.load(ordering: .acquiring) &- tail.pointee.load(ordering: .relaxed)
        return min(distance, ConsoleQueue.capacity)
    }

    public var isEmpty: Bool {
        // SAFETY: see the accessors.
        unsafe head.pointee.load(ordering: .acquiring) == tail.pointee.load(ordering: .relaxed)
    }
}
