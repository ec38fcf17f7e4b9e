import ABI
import Foundation

/// The bytes behind the header, each piece at a multiple of 4 KiB. Equal pieces are stored once.
struct ImageContents {
    private var pieces: [(offset: UInt64, data: Data)] = []
    private var offsets: [Data: UInt64] = [:]
    private(set) var end: UInt64

    init(from start: UInt64) { end = start }

    mutating func place(_ data: Data) -> UInt64 {
        guard !data.isEmpty else { return 0 }
        if let offset = offsets[data] { return offset }
        let offset = end.aligned(to: Program.pageSize)
        pieces.append((offset, data))
        offsets[data] = offset
        end = (offset + UInt64(data.count)).aligned(to: Program.pageSize)
        return offset
    }

    mutating func place(_ program: Program) -> ProgramRecord {
        let unused = ProgramSegment(offset: 0, fileSize: 0, memorySize: 0, address: 0, rights: 0)
        var segments = InlineArray<4, ProgramSegment>(repeating: unused)
        for (index, segment) in program.segments.enumerated() {
            segments[index] = ProgramSegment(
                offset: place(segment.imageData), fileSize: segment.imageSize, memorySize: segment.memorySize,
                address: segment.address, rights: UInt64(segment.rights))
        }
        return ProgramRecord(segments: segments, entry: program.entry, stackSize: program.stackSize)
    }

    func joined(header: Data) -> Data {
        var joined = header
        joined.reserveCapacity(Int(end))
        for piece in pieces {
            joined.padWithZeros(to: Int(piece.offset))
            joined.append(piece.data)
        }
        joined.padWithZeros(to: Int(end))
        return joined
    }
}
