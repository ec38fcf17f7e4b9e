import ABI

/// The error of a component that asked for more memory than `memory` in its manifest holds.
public struct OutOfMemory: Error, Equatable {
    public init() {}
}

/// The memory of this component, as `memory` in its manifest says. Arrays, classes and strings come out of it. A
/// component that has used it up writes a log line and stops; no other component is affected.
public enum Heap {
    /// The size in bytes.
    public static var size: Int { Int(truncatingIfNeeded: Configuration.current.heapSize) }

    #if hasFeature(Embedded)
        // SAFETY: a component has one thread (docs/caveats.md); a monitor, which has more, allocates nothing.
        nonisolated(unsafe) private static var allocator = unsafe HeapAllocator(base: nil, size: 0)

        /// The number of bytes in use, including those that the allocator needs itself.
        public static var used: Int {
            // SAFETY: one thread, see `allocator`.
            unsafe allocator.used
        }

        /// Throws unless `bytes` are free in one piece, for code that prefers an error to the component's end.
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
            // SAFETY: one thread; the callers (the compiler's runtime, `require`) pass a pointer that `allocate`
            // returned.
            unsafe allocator.free(pointer)
        }
    #else
        /// Checks `bytes` against the size in the fake configuration, because on the host memory comes from the host.
        public static func require(_ bytes: Int) throws(OutOfMemory) {
            guard bytes <= size else { throw OutOfMemory() }
        }
        public static var used: Int { 0 }
    #endif
}

#if hasFeature(Embedded)
    // The functions that the compiler's runtime calls. The linker leaves them out of programs that allocate nothing.

    @c(posix_memalign)
    public func heapAllocate(
        _ result: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ alignment: Int, _ size: Int
    ) -> CInt {
        // SAFETY: the compiler's runtime passes a result that it owns, and sizes that it keeps to.
        guard let pointer = unsafe Heap.allocate(size, alignment: alignment) else {
            log(
                "out of memory: needs \(size) bytes, but \(Heap.used) of \(Heap.size) are in use; raise 'memory' in the manifest"
            )
            fatalError()
        }
        // SAFETY: as above.
        unsafe result.pointee = unsafe pointer
        return 0
    }

    /// Frees memory for C's `free`. Swift gives no Swift function that name, so RuntimeSupport/Heap.S defines it and
    /// jumps here.
    @c(entente_heap_release)
    public func heapRelease(_ pointer: UnsafeMutableRawPointer?) {
        // SAFETY: the compiler's runtime frees only pointers that it got from this heap, and each of them once.
        if let pointer = unsafe pointer { unsafe Heap.release(pointer) }
    }

    /// Writes a character for `print`.
    @c(putchar)
    public func consolePut(_ character: CInt) -> CInt {
        let console = Console()
        console.putPatiently(UInt8(truncatingIfNeeded: character))
        if character == 0x0A { console.flush() }
        return character
    }
#endif
