import ABI
import Synchronization

/// One end of a `ConsoleQueue`. Put or take, depending on the side that this component has.
@safe
public struct ConsoleQueueEnd {
    let base: UnsafeMutableRawPointer

    /// A queue whose page lies at `page` in this component's space.
    public init(page: UInt64) {
        // SAFETY: root mapped a page of queue there, and it stays mapped (ComponentLayout.console).
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

    private func slot(_ counter: UInt32) -> SharedByte {
        // SAFETY: the remainder is below `capacity`, and data and capacity fit the page.
        unsafe SharedByte(
            (base + Int(ConsoleQueue.data) + Int(counter % ConsoleQueue.capacity)).assumingMemoryBound(to: UInt8.self))
    }

    /// Adds a byte; false when the queue is full (or its peer writes nonsense).
    public func put(_ byte: UInt8) -> Bool {
        // SAFETY: see the accessors.
        let at = unsafe head.pointee.load(ordering: .relaxed)
        guard unsafe at &- tail.pointee.load(ordering: .acquiring) < ConsoleQueue.capacity else { return false }
        unsafe slot(at).pointee = byte
        unsafe head.pointee.store(at &+ 1, ordering: .releasing)
        return true
    }

    /// Takes a byte, if there is one.
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

    /// How many bytes wait in it; at most `ConsoleQueue.capacity`, whatever the peer writes.
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
