/// A fixed number of elements in memory of the caller. Its user reads and changes them in place. An `InlineArray`
/// would be copied together with the large value that has it as a member, and a stack of a few pages has no room for
/// that.
@safe
public struct FixedTable<Element>: ~Copyable {
    private let base: UnsafeMutablePointer<Element>
    public let count: Int

    /// Returns the size in bytes of memory for `count` elements.
    public static func size(_ count: Int) -> Int { max(count, 1) * MemoryLayout<Element>.stride }

    /// Fills the memory with copies of `element`.
    ///
    /// - Parameter address: the address of at least `size(count)` bytes, aligned to 16, that nobody else uses and that
    ///   outlive the table.
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
