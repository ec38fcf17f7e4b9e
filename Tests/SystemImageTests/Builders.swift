import ABI
import Foundation

@testable import SystemImage

/// Appends numbers as bytes, little endian.
struct Bytes {
    var data = Data()

    mutating func put<T: FixedWidthInteger>(_ values: T...) {
        for value in values { withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) } }
    }
}

extension Data {
    func word(at offset: Int) -> UInt64 {
        (0..<8).reversed().reduce(0) { $0 << 8 | UInt64(self[startIndex + offset + $1]) }
    }

    mutating func set<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        var bytes = Bytes()
        bytes.put(value)
        replaceSubrange(startIndex + offset..<startIndex + offset + bytes.data.count, with: bytes.data)
    }
}

/// An ELF64 file made for a test: the header, program headers, contents, and a symbol table.
struct ELFBuilder {
    struct Segment {
        var flags: UInt32
        var address: UInt64
        var physical: UInt64?
        var data: Data
        var memorySize: UInt64?
    }

    var machine: UInt16 = 183
    var fileClass: UInt8 = 2
    var order: UInt8 = 1
    var entry: UInt64 = 0x20_0000
    var segments: [Segment] = []
    var symbols: [(name: String, address: UInt64, size: UInt64)] = []

    /// Three segments, as the linker script of components makes them.
    static var component: ELFBuilder {
        ELFBuilder(
            segments: [
                Segment(flags: 5, address: 0x20_0000, data: Data(repeating: 0xAA, count: 5000)),
                Segment(flags: 4, address: 0x20_2000, data: Data(repeating: 0xBB, count: 100)),
                Segment(flags: 6, address: 0x20_3000, data: Data(repeating: 0xCC, count: 16), memorySize: 0x3000),
            ],
            symbols: [("_start", 0x20_0000, 0), ("$s4Test1fyyF", 0x20_0010, 0x20), ("last", 0x20_0100, 8)])
    }

    func build() -> Data {
        let headers = 64 + 56 * segments.count
        var contents = Bytes()
        var table = Bytes()
        for segment in segments {
            table.put(UInt32(1), segment.flags)
            table.put(
                UInt64(headers + contents.data.count), segment.address, segment.physical ?? segment.address,
                UInt64(segment.data.count), segment.memorySize ?? UInt64(segment.data.count), 4096)
            contents.data.append(segment.data)
        }
        let (symbolTable, names) = symbolSections()
        let symbolOffset = headers + contents.data.count
        let sectionOffset = symbolOffset + symbolTable.count + names.count
        var file = Bytes(data: Data([0x7F, 0x45, 0x4C, 0x46, fileClass, order, 1] + [UInt8](repeating: 0, count: 9)))
        file.put(UInt16(2), machine)
        file.put(UInt32(1))
        file.put(entry, UInt64(64), UInt64(sectionOffset))
        file.put(UInt32(0))
        file.put(UInt16(64), 56, UInt16(segments.count), 64, 3, 0)
        file.data += table.data + contents.data + symbolTable + names
        file.data += Data(count: 64)
        file.data += section(type: 2, offset: symbolOffset, size: symbolTable.count, link: 2)
        file.data += section(type: 3, offset: symbolOffset + symbolTable.count, size: names.count, link: 0)
        return file.data
    }

    private func symbolSections() -> (Data, Data) {
        var (table, names) = (Bytes(data: Data(count: 24)), Data([0]))
        for symbol in symbols {
            table.put(UInt32(names.count))
            table.put(UInt8(symbol.size == 0 ? 0 : 2), 0)
            table.put(UInt16(1))
            table.put(symbol.address, symbol.size)
            names += Data(symbol.name.utf8) + [0]
        }
        return (table.data, names)
    }

    private func section(type: UInt32, offset: Int, size: Int, link: UInt32) -> Data {
        var section = Bytes()
        section.put(UInt32(0), type)
        section.put(UInt64(0), 0, UInt64(offset), UInt64(size))
        section.put(link, 0)
        section.put(UInt64(8), 24)
        return section.data
    }
}

/// An arm64 Image made for a test.
func arm64Image(textOffset: UInt64 = 0, imageSize: UInt64 = 0x10_0000, flags: UInt64 = 0xA, fileSize: Int = 4096)
    -> Data
{
    var header = Bytes()
    header.put(UInt32(0x1400_0010), 0)
    header.put(textOffset, imageSize, flags, 0, 0, 0)
    header.data += Data("ARM\u{64}".utf8) + Data(count: 4)
    header.data.append(Data((0..<max(0, fileSize - 64)).map { UInt8(truncatingIfNeeded: $0) }))
    return header.data.prefix(fileSize)
}

/// The board `virt` of QEMU, as `Board` would read it.
extension Board {
    static func forTests(cores: Int, ram: UInt64 = 1 << 30) -> Board {
        Board(
            coreAffinities: (0..<cores).map(UInt64.init), ram: [MemoryRange(base: 0x4000_0000, size: ram)],
            devices: MemoryRange(base: 0x0900_0000, size: 0x3700_0000),
            distributor: MemoryRange(base: 0x0800_0000, size: 0x1_0000),
            redistributors: MemoryRange(base: 0x080A_0000, size: 0xF6_0000),
            serial: MemoryRange(base: 0x0900_0000, size: 0x1000), serialInterrupt: 33,
            clock: MemoryRange(base: 0x0901_0000, size: 0x1000))
    }
}
