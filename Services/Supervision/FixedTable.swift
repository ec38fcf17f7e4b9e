/// A fixed number of elements in memory that somebody provides. They are read and changed in place, whereas an
/// `InlineArray` that is a member of something large is copied with it: a stack of a few pages would not do.
@safe
public struct FixedTable<Element>: ~Copyable {
    private let base: UnsafeMutablePointer<Element>
    public let count: Int

    /// How much memory `count` elements take.
    public static func size(_ count: Int) -> Int { max(count, 1) * MemoryLayout<Element>.stride }

    /// - Parameter address: of at least `size(count)` bytes that are aligned to 16, that nobody else uses, and that
    ///   live longer than the table.
    public init(at address: UInt, count: Int, repeating element: Element) {
        // SAFETY: the caller promises the memory.
        unsafe base = UnsafeMutablePointer(bitPattern: address).unsafelyUnwrapped
        unsafe base.initialize(repeating: element, count: count)
        self.count = count
    }

    public subscript(index: Int) -> Element {
        @inline(__always) unsafeAddress {
            precondition(index >= 0 && index < count)
            // SAFETY: the index was checked, and the memory is the table's.
            return unsafe UnsafePointer(base + index)
        }
        @inline(__always) unsafeMutableAddress {
            precondition(index >= 0 && index < count)
            // SAFETY: as above.
            return unsafe base + index
        }
    }
}
