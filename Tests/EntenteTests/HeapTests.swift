import Foundation
import Testing

@testable import Entente

@Suite struct HeapTests {
    @Test func runsOutAndComesBack() {
        let size = 4096
        let base = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        defer { base.deallocate() }
        var heap = HeapAllocator(base: base, size: size)
        var pieces: [UnsafeMutableRawPointer] = []
        while let piece = heap.allocate(100) { pieces.append(piece) }
        #expect(pieces.count == 4096 / 128)
        #expect(heap.allocate(100) == nil)
        var random = Seeded(1)
        for piece in pieces.shuffled(using: &random) { heap.free(piece) }
        #expect(heap.used == 0)
        #expect(heap.allocate(size - 16) != nil)
    }

    @Test func sizesThatCannotBeAreNone() {
        var none = HeapAllocator(base: nil, size: 0)
        #expect(none.allocate(1) == nil)
        let base = UnsafeMutableRawPointer.allocate(byteCount: 1024, alignment: 16)
        defer { base.deallocate() }
        var heap = HeapAllocator(base: base, size: 1024)
        for size in [-1, 1025, Int.max, Int.min] { #expect(heap.allocate(size) == nil) }
        for alignment in [0, -16, 3, 4096, Int.min] { #expect(heap.allocate(16, alignment: alignment) == nil) }
        #expect(heap.used == 0)
    }

    /// Pieces are aligned, never overlap, keep their contents, and all of them come back.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func piecesAreTheirOwners(seed: UInt64) {
        var random = Seeded(seed)
        let size = Int(256 + random.below(64 << 10))
        let base = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        defer { base.deallocate() }
        var heap = HeapAllocator(base: base, size: size)
        var live: [(start: UnsafeMutableRawPointer, size: Int, mark: UInt8)] = []
        for _ in 0..<1000 {
            if random.chance(2), !live.isEmpty {
                let piece = live.remove(at: Int(random.below(UInt64(live.count))))
                let bytes = UnsafeRawBufferPointer(start: piece.start, count: piece.size)
                #expect(bytes.allSatisfy { $0 == piece.mark })
                heap.free(piece.start)
            } else {
                let length = Int(random.below(random.chance(4) ? 4096 : 128))
                let alignment = 1 << Int(random.below(9))
                guard let start = heap.allocate(length, alignment: alignment) else { continue }
                #expect(UInt(bitPattern: start) % UInt(alignment) == 0)
                #expect(start >= base && start + length <= base + size)
                let mark = UInt8(truncatingIfNeeded: random.next())
                memset(start, Int32(mark), length)
                live.append((start, length, mark))
            }
        }
        for piece in live { heap.free(piece.start) }
        #expect(heap.used == 0)
        #expect(heap.allocate(heap.size - 16) != nil)
    }
}
