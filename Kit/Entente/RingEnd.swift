import ABI
import Synchronization

/// One end of a `ConsoleRing`. This component's side decides if it may put or take.
@safe
public struct RingEnd {
    let base: UnsafeMutableRawPointer

    /// Uses the ring whose page lies at address `page` in this component's space.
    public init(page: UInt64) {
        // SAFETY: root mapped a page of ring there, and it stays mapped (ComponentLayout.console).
        unsafe base = UnsafeMutableRawPointer(bitPattern: UInt(page))!
    }

    private var head: SharedWord<UInt32> {
        // SAFETY: the offset lies in the page, aligned; only atomic accesses are made of it.
        unsafe SharedWord(
            (base + Int(ConsoleRing.head)).assumingMemoryBound(to: Atomic<UInt32>.self))
    }

    private var tail: SharedWord<UInt32> {
        // SAFETY: as `head`.
        unsafe SharedWord(
            (base + Int(ConsoleRing.tail)).assumingMemoryBound(to: Atomic<UInt32>.self))
    }

    private func slot(_ counter: UInt32) -> SharedByte {
        // SAFETY: the remainder is below `capacity`, and data and capacity fit the page.
        unsafe SharedByte(
            (base + Int(ConsoleRing.data) + Int(counter % ConsoleRing.capacity)).assumingMemoryBound(to: UInt8.self))
    }

    /// Puts a byte. Returns false if the ring is full, or if its peer has written an impossible counter.
    public func put(_ byte: UInt8) -> Bool {
        // SAFETY: see the accessors.
        let at = unsafe head.pointee.load(ordering: .relaxed)
        guard unsafe at &- tail.pointee.load(ordering: .acquiring) < ConsoleRing.capacity else { return false }
        unsafe slot(at).pointee = byte
        unsafe head.pointee.store(at &+ 1, ordering: .releasing)
        return true
    }

    /// Takes a byte, or returns nil if there is none.
    public func take() -> UInt8? {
        // SAFETY: see the accessors.
        let at = unsafe tail.pointee.load(ordering: .relaxed)
        let end = unsafe head.pointee.load(ordering: .acquiring)
        guard end != at else { return nil }
        guard end &- at <= ConsoleRing.capacity else {
            unsafe tail.pointee.store(end, ordering: .releasing)
            return nil
        }
        // SAFETY: see the accessors.
        let byte = unsafe slot(at).pointee
        unsafe tail.pointee.store(at &+ 1, ordering: .releasing)
        return byte
    }

    /// The number of bytes that wait; at most `ConsoleRing.capacity`, for any counter that the peer writes.
    public var count: UInt32 {
        // SAFETY: see the accessors.
        let distance = unsafe head.pointee.load(ordering: .acquiring) &- tail.pointee.load(ordering: .relaxed)
        return min(distance, ConsoleRing.capacity)
    }

    public var isEmpty: Bool {
        // SAFETY: see the accessors.
        unsafe head.pointee.load(ordering: .acquiring) == tail.pointee.load(ordering: .relaxed)
    }
}
