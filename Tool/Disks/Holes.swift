import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// The parts of files that take no space. Swift's import of glibc lacks what Linux adds to POSIX for them.
enum Holes {
    /// The position of `lseek` for the next data (lseek(2), SEEK_DATA).
    static let data: Int32 = 3
    /// The position of `lseek` for the next hole (SEEK_HOLE).
    static let hole: Int32 = 4

    private typealias Allocate = @convention(c) (Int32, Int32, off_t, off_t) -> Int32

    /// The function of fallocate(2), which takes FALLOC_FL_KEEP_SIZE (1) and FALLOC_FL_PUNCH_HOLE (2).
    private static let allocate: Allocate? = dlsym(nil, "fallocate").map { unsafeBitCast($0, to: Allocate.self) }

    /// Makes a part of a file a hole. Returns false if the file system cannot.
    static func make(_ descriptor: Int32, _ offset: off_t, _ count: off_t) -> Bool {
        allocate?(descriptor, 3, offset, count) == 0
    }
}
