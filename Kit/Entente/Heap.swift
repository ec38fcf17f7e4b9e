import ABI

/// A component asked for more than its `memory` in the manifest holds.
public struct OutOfMemory: Error, Equatable {
    public init() {}
}

/// This component's memory: `memory` of its manifest. Arrays, classes and strings come out of it. When it is used up,
/// the component that asked says so and stops; nobody else notices.
public enum Heap {
    /// In bytes.
    public static var size: Int { Int(truncatingIfNeeded: Configuration.current.heapSize) }

    #if hasFeature(Embedded)
        // SAFETY: a component has one thread (docs/caveats.md); a monitor, which has more, allocates nothing.
        nonisolated(unsafe) private static var allocator = unsafe HeapAllocator(base: nil, size: 0)

        /// Bytes in use, with what the allocator needs itself.
        public static var used: Int {
            // SAFETY: one thread, see `allocator`.
            unsafe allocator.used
        }

        /// Makes sure that `bytes` can be had in one piece, for code that prefers an error to the end.
        public static func require(_ bytes: Int) throws(OutOfMemory) {
            // SAFETY: the piece is given back at once and nothing is read or written through it.
            guard let pointer = unsafe allocate(bytes, alignment: 16) else { throw OutOfMemory() }
            unsafe release(pointer)
        }

        static func allocate(_ bytes: Int, alignment: Int) -> UnsafeMutableRawPointer? {
            // SAFETY: one thread, see `allocator`; root mapped `size` bytes at `ComponentLayout.heap` before this
            // component started, and nothing else of it uses them.
            if unsafe allocator.size == 0 {
                unsafe allocator = HeapAllocator(
                    base: UnsafeMutableRawPointer(bitPattern: UInt(ComponentLayout.heap)), size: size)
            }
            return unsafe allocator.allocate(bytes, alignment: alignment)
        }

        static func release(_ pointer: UnsafeMutableRawPointer) {
            // SAFETY: one thread; whoever frees has the pointer from `allocate` (the compiler's runtime, `require`).
            unsafe allocator.free(pointer)
        }
    #else
        /// On the host memory comes from the host; this checks against the size that the fake configuration names.
        public static func require(_ bytes: Int) throws(OutOfMemory) {
            guard bytes <= size else { throw OutOfMemory() }
        }
        public static var used: Int { 0 }
    #endif
}

#if hasFeature(Embedded)
    // What the compiler's runtime calls. In programs that allocate nothing the linker leaves them out.

    @c(posix_memalign)
    public func heapAllocate(
        _ result: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ alignment: Int, _ size: Int
    ) -> CInt {
        // SAFETY: the compiler's runtime passes a result that it owns, and sizes that it keeps to.
        guard let pointer = unsafe Heap.allocate(size, alignment: alignment) else {
            log(
                "out of memory: \(size) bytes asked for, \(Heap.used) of \(Heap.size) in use; raise 'memory' in the manifest"
            )
            fatalError()
        }
        // SAFETY: as above.
        unsafe result.pointee = unsafe pointer
        return 0
    }

    /// `free`, which Swift does not let a Swift function be called, leads here (RuntimeSupport/Heap.S).
    @c(entente_heap_release)
    public func heapRelease(_ pointer: UnsafeMutableRawPointer?) {
        // SAFETY: the compiler's runtime frees once what it was given.
        if let pointer = unsafe pointer { unsafe Heap.release(pointer) }
    }

    /// What `print` writes to.
    @c(putchar)
    public func consolePut(_ character: CInt) -> CInt {
        let console = Console()
        console.putPatiently(UInt8(truncatingIfNeeded: character))
        if character == 0x0A { console.flush() }
        return character
    }
#endif
