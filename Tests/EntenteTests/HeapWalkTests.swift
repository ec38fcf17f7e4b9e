import Foundation
import Testing

@testable import Entente

/// A block of memory between words that an allocator must not touch, and that look like large free pieces.
private final class Block {
    let size: Int
    let base: UnsafeMutableRawPointer
    private let whole: UnsafeMutableRawPointer
    private static let margin = 256
    private static let mark = 1 << 20

    /// Fills the block.
    ///
    /// - Parameter offset: the distance of the block's start from a multiple of 4096.
    init(_ size: Int, offset: Int = 0) {
        self.size = size
        whole = UnsafeMutableRawPointer.allocate(byteCount: 8192 + size + 2 * Self.margin, alignment: 4096)
        base = whole + 4096 + offset
        for place in marks { base.storeBytes(of: Self.mark, toByteOffset: place, as: Int.self) }
    }

    deinit { whole.deallocate() }

    private var marks: [Int] {
        Array(stride(from: -Self.margin, to: 0, by: 8)) + Array(stride(from: size, to: size + Self.margin, by: 8))
    }

    var isMarginIntact: Bool { marks.allSatisfy { word($0) == Self.mark } }
    func word(_ place: Int) -> Int { base.load(fromByteOffset: place, as: Int.self) }
}

/// Compares the allocator with a plain list of pieces, whose headers the test reads directly.
@Suite struct HeapWalkTests {
    private struct Piece: Equatable {
        var start: Int
        var size: Int
        var isUsed: Bool
    }

    /// Returns the pieces that the headers describe, or no piece if the headers contradict each other.
    private func walk(_ block: Block, _ size: Int) -> [Piece] {
        var pieces: [Piece] = []
        var place = 0
        var before = 0
        while place < size {
            let piece = Piece(start: place, size: block.word(place) & ~15, isUsed: block.word(place) & 15 == 1)
            guard piece.size >= 16, piece.size <= size - place, block.word(place + 8) == before else { return [] }
            if let last = pieces.last, !last.isUsed, !piece.isUsed { return [] }
            pieces.append(piece)
            before = piece.size
            place += piece.size
        }
        return pieces
    }

    /// Returns the pieces after an allocation by first fit, and the place of the new one; nil if no piece is long
    /// enough.
    private func allocated(_ pieces: [Piece], _ block: Block, _ size: Int, _ alignment: Int) -> ([Piece], Int)? {
        let needed = 16 + (max(size, 1) + 15) / 16 * 16
        for (index, piece) in pieces.enumerated() where !piece.isUsed {
            let address = Int(bitPattern: block.base) + piece.start + 16
            let gap = (alignment - address % alignment) % alignment
            guard gap + needed <= piece.size else { continue }
            let rest = piece.size - gap - needed
            var parts = [Piece(start: piece.start + gap, size: rest >= 32 ? needed : needed + rest, isUsed: true)]
            if gap > 0 { parts.insert(Piece(start: piece.start, size: gap, isUsed: false), at: 0) }
            if rest >= 32 { parts.append(Piece(start: piece.start + gap + needed, size: rest, isUsed: false)) }
            return (pieces[..<index] + parts + pieces[(index + 1)...], piece.start + gap)
        }
        return nil
    }

    private func freed(_ pieces: [Piece], _ start: Int) -> [Piece] {
        var result: [Piece] = []
        for var piece in pieces {
            if piece.start == start { piece.isUsed = false }
            if let last = result.last, !last.isUsed, !piece.isUsed {
                result[result.count - 1].size += piece.size
            } else {
                result.append(piece)
            }
        }
        return result
    }

    @Test(arguments: 0..<8 as Range<UInt64>) func piecesAreAsAPlainListHasThem(seed: UInt64) {
        var random = Seeded(seed)
        let block = Block(256 + 16 * Int(random.below(seed % 2 == 0 ? 20 : 150)), offset: 16 * Int(random.below(8)))
        var heap = HeapAllocator(base: block.base, size: block.size)
        var pieces = [Piece(start: 0, size: block.size, isUsed: false)]
        for step in 0..<300 {
            let used = pieces.filter(\.isUsed)
            if let piece = used.randomElement(using: &random), random.chance(2) {
                heap.free(block.base + piece.start + 16)
                pieces = freed(pieces, piece.start)
            } else {
                let size = Int(random.below(random.chance(6) ? 1024 : 100))
                let alignment = random.chance(3) ? 1 << Int(random.below(9)) : 16
                let wanted = alignment > block.size ? nil : allocated(pieces, block, size, max(alignment, 16))
                let place = heap.allocate(size, alignment: alignment).map { $0 - block.base - 16 }
                #expect(place == wanted?.1, "\(size) bytes at step \(step)")
                pieces = wanted?.0 ?? pieces
            }
            #expect(walk(block, block.size) == pieces, "step \(step)")
            #expect(heap.used == pieces.filter(\.isUsed).reduce(0) { $0 + $1.size })
            if walk(block, block.size) != pieces { return }
        }
        #expect(block.isMarginIntact)
    }

    /// The block is used as a whole in one piece, or in pieces without a rest. The allocator reads nothing beyond it.
    @Test func aBlockThatIsFullEndsThere() {
        let block = Block(128)
        var heap = HeapAllocator(base: block.base, size: block.size)
        for size in [113, 128] { #expect(heap.allocate(size) == nil) }
        let whole = heap.allocate(112)
        #expect(whole == block.base + 16 && heap.used == 128)
        #expect(heap.allocate(0) == nil)
        if let whole { heap.free(whole) }
        #expect(heap.used == 0 && walk(block, 128) == [Piece(start: 0, size: 128, isUsed: false)])
        for index in 0..<4 { #expect(heap.allocate(index) == block.base + 32 * index + 16) }
        #expect(heap.allocate(0) == nil)
        #expect(heap.used == 128)
        heap.free(block.base + 112)
        #expect(heap.used == 96 && walk(block, 128).count == 4)
        #expect(block.isMarginIntact)
    }

    /// A rest too small for a header and a byte stays with its piece.
    @Test func aSmallRestStaysWithItsPiece() {
        for (size, used) in [(112, 128), (81, 128), (80, 96), (65, 96), (64, 80)] {
            let block = Block(128)
            var heap = HeapAllocator(base: block.base, size: block.size)
            #expect(heap.allocate(size) == block.base + 16)
            #expect(heap.used == used)
            #expect(walk(block, 128).first == Piece(start: 0, size: used, isUsed: true))
        }
    }

    @Test func sizesOfBlocksAreRoundedDown() {
        for (size, usable) in [(0, 0), (16, 0), (31, 0), (32, 32), (47, 32), (48, 48), (1000, 992), (-5, 0)] {
            let block = Block(1024)
            block.base.storeBytes(of: -1, as: Int.self)
            let heap = HeapAllocator(base: block.base, size: size)
            #expect(heap.size == usable && heap.used == 0)
            // The allocator does not write to a block that is too small.
            #expect(block.word(0) == (usable == 0 ? -1 : usable))
        }
    }

    /// No alignment may exceed the block's size, although a larger one might fit by chance.
    @Test func anAlignmentIsNoLargerThanTheBlock() {
        let block = Block(1024, offset: -16)
        var heap = HeapAllocator(base: block.base, size: block.size)
        for alignment in [2048, 48, 0] { #expect(heap.allocate(16, alignment: alignment) == nil) }
        #expect(heap.allocate(16, alignment: 1024) == block.base + 16)
        #expect(heap.allocate(16, alignment: 1) == block.base + 48)
    }

    /// A heap without memory has the size 0.
    @Test func nothingIsHadOfNoMemory() {
        var heap = HeapAllocator(base: nil, size: 1024)
        #expect(heap.size == 0 && heap.allocate(16) == nil && heap.used == 0)
        #expect(heap.pieceInUse(Block(64).base) == nil)
    }

    /// `free` accepts only the address of a piece in use, and refuses other addresses with bytes in front that look
    /// like a header.
    @Test func onlyWhatIsInUseIsTakenBack() {
        let block = Block(256)
        var heap = HeapAllocator(base: block.base, size: block.size)
        for (size, start) in [(64, 0), (48, 80), (96, 144)] { #expect(heap.allocate(size) == block.base + start + 16) }
        heap.free(block.base + 80 + 16)
        let pieces = [0, 80, 144]
        func words() -> [Int?] {
            stride(from: -64, to: 256 + 64, by: 8).map { heap.pieceInUse(block.base + $0 + 16) }
        }
        let places = stride(from: -64, to: 256 + 64, by: 8)
        // The contents of pieces, and the bytes outside, look like a header that is longer than the rest, and then like
        // one without a length, which would fit anywhere outside.
        for isLong in [true, false] {
            for place in places where !pieces.contains(place) && !pieces.contains(place - 8) {
                let isOutside = place < 0 || place >= 256
                if !isLong && !isOutside && place & 15 == 0 { continue }
                let size = isLong ? max(256 - place, 0) / 16 * 16 + 16 : 0
                block.base.storeBytes(of: size | 1, toByteOffset: place, as: Int.self)
            }
            #expect(words() == places.map { [0, 144].contains($0) ? $0 : nil })
        }
    }

    @Test func aPieceThatIsTheWholeBlockIsInUse() {
        let block = Block(128)
        var heap = HeapAllocator(base: block.base, size: block.size)
        #expect(heap.pieceInUse(block.base + 16) == nil)
        #expect(heap.allocate(112) == block.base + 16)
        #expect(heap.pieceInUse(block.base + 16) == 0)
    }
}
