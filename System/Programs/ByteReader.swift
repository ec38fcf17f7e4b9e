import Foundation

/// Reads little-endian numbers from bytes that no one has checked.
struct ByteReader {
    let data: Data

    init(_ data: Data) { self.data = data }

    var count: UInt64 { UInt64(data.count) }

    /// Returns true if the `size` bytes at `offset` lie inside the data.
    func contains(_ offset: UInt64, _ size: UInt64) -> Bool {
        let (end, overflow) = offset.addingReportingOverflow(size)
        return !overflow && end <= count
    }

    /// Returns the bytes at `offset`, or nil if they do not lie inside the data.
    func slice(_ offset: UInt64, _ size: UInt64) -> Data? {
        guard contains(offset, size) else { return nil }
        let start = data.startIndex + Int(offset)
        return data[start..<start + Int(size)]
    }

    func byte(_ offset: UInt64) throws(Failure) -> UInt8 { UInt8(try number(offset, 1)) }
    func word16(_ offset: UInt64) throws(Failure) -> UInt16 { UInt16(try number(offset, 2)) }
    func word32(_ offset: UInt64) throws(Failure) -> UInt32 { UInt32(try number(offset, 4)) }
    func word64(_ offset: UInt64) throws(Failure) -> UInt64 { try number(offset, 8) }

    private func number(_ offset: UInt64, _ size: UInt64) throws(Failure) -> UInt64 {
        guard let bytes = slice(offset, size) else {
            throw Failure(
                "the file ends before byte \(offset), at \(count) bytes", remedy: "build or copy the file again")
        }
        return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
