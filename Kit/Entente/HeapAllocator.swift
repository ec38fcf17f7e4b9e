/// Allocates pieces of one block of memory by first fit, and merges free neighbours.
///
/// Each piece begins with a header of 16 bytes: its size with the header, a bit that is set while it is in use, and
/// the size of the piece before it. The work is linear in the number of pieces. One thread may use it.
@safe
struct HeapAllocator {
    private let base: UnsafeMutableRawPointer?
    let size: Int
    /// The number of bytes in use, including headers.
    private(set) var used = 0
    private static let header = 16
    private static let inUse = 1

    /// Manages a block of memory.
    ///
    /// - Parameters:
    ///   - base: the block's address, a multiple of 16; nil for no memory at all.
    ///   - size: the block's size in bytes. Bytes beyond a multiple of 16 stay unused.
    init(base: UnsafeMutableRawPointer?, size: Int) {
        // SAFETY: only stored; every access adds an offset below `size`, which `setHeader` and `take` keep.
        unsafe self.base = unsafe base
        self.size = unsafe base == nil || size < 2 * Self.header ? 0 : size & ~15
        if self.size > 0 { setHeader(0, size: self.size, used: false, before: 0) }
    }

    /// Allocates a piece of at least `size` bytes. Returns nil if no free piece is large enough.
    ///
    /// - Parameter alignment: a power of two.
    mutating func allocate(_ size: Int, alignment: Int = 16) -> UnsafeMutableRawPointer? {
        guard size >= 0, size <= self.size, alignment > 0, alignment <= self.size, alignment & (alignment - 1) == 0
        else {
            return nil
        }
        let alignment = max(alignment, 16)
        let needed = Self.header + (max(size, 1) + 15) & ~15
        var offset = 0
        while offset < self.size {
            let piece = pieceSize(offset)
            let skipped = gap(at: offset, alignment: alignment)
            if !isUsed(offset), skipped + needed <= piece {
                // SAFETY: only handed on; the piece lies in the block, is free and long enough.
                return unsafe take(offset, gap: skipped, needed: needed)
            }
            offset += piece
        }
        return nil
    }

    /// Frees a piece. Stops the component if `pointer` is not the address of a piece in use.
    mutating func free(_ pointer: UnsafeMutableRawPointer) {
        // SAFETY: only handed on.
        guard let offset = unsafe pieceInUse(pointer) else {
            fatalError("the component freed memory that is not in use")
        }
        used -= pieceSize(offset)
        var start = offset
        var length = pieceSize(offset)
        let behind = offset + length
        if behind < size, !isUsed(behind) { length += pieceSize(behind) }
        let before = sizeBefore(offset)
        if before > 0, !isUsed(offset - before) {
            start -= before
            length += before
        }
        setHeader(start, size: length, used: false, before: sizeBefore(start))
        tellNext(start)
    }

    /// Returns the offset of the piece in use whose address is `pointer`, or nil if there is none.
    func pieceInUse(_ pointer: UnsafeMutableRawPointer) -> Int? {
        // SAFETY: the pointer is only compared with the block's; headers are looked at inside of the block alone.
        guard let base = unsafe base else { return nil }
        let offset = unsafe pointer - base - Self.header
        guard offset >= 0, offset < size, offset & 15 == 0, isUsed(offset), pieceSize(offset) <= size - offset else {
            return nil
        }
        return offset
    }

    /// Returns the bytes between the piece's start and the header of the allocation: 0, or enough for a free piece.
    private func gap(at offset: Int, alignment: Int) -> Int {
        // SAFETY: only its number is looked at.
        let address = unsafe Int(bitPattern: base) + offset + Self.header
        return (0 &- address) & (alignment - 1)
    }

    private mutating func take(_ offset: Int, gap: Int, needed: Int) -> UnsafeMutableRawPointer? {
        var start = offset
        var piece = pieceSize(offset)
        var before = sizeBefore(offset)
        if gap > 0 {
            setHeader(start, size: gap, used: false, before: before)
            start += gap
            piece -= gap
            before = gap
        }
        if piece - needed >= 2 * Self.header {
            setHeader(start + needed, size: piece - needed, used: false, before: needed)
            tellNext(start + needed)
            piece = needed
        }
        setHeader(start, size: piece, used: true, before: before)
        tellNext(start)
        used += piece
        // SAFETY: `start` is that of a piece in the block.
        return unsafe base.map { unsafe $0 + start + Self.header }
    }

    private func tellNext(_ offset: Int) {
        let next = offset + pieceSize(offset)
        guard next < size else { return }
        setHeader(next, size: pieceSize(next), used: isUsed(next), before: pieceSize(offset))
    }

    // MARK: Headers

    private func pieceSize(_ offset: Int) -> Int { load(offset) & ~15 }
    private func isUsed(_ offset: Int) -> Bool { load(offset) & Self.inUse != 0 }
    private func sizeBefore(_ offset: Int) -> Int { load(offset + 8) }

    private func setHeader(_ offset: Int, size: Int, used: Bool, before: Int) {
        // SAFETY: offsets are those of pieces, which lie in the block and are multiples of 16.
        guard let base = unsafe base else { return }
        unsafe base.storeBytes(of: size | (used ? Self.inUse : 0), toByteOffset: offset, as: Int.self)
        unsafe base.storeBytes(of: before, toByteOffset: offset + 8, as: Int.self)
    }

    private func load(_ offset: Int) -> Int {
        // SAFETY: as in `setHeader`.
        guard let base = unsafe base else { return 0 }
        return unsafe base.load(fromByteOffset: offset, as: Int.self)
    }
}
