import Foundation

/// The parts of an ELF64 file for AArch64 that the tool needs. It trusts nothing in the file: it checks each offset
/// and size against the file's size before it uses them (System V ABI, chapters 4 and 5).
struct ELFFile {
    struct Segment {
        var flags: UInt32
        var offset: UInt64
        var virtualAddress: UInt64
        var physicalAddress: UInt64
        var fileSize: UInt64
        var memorySize: UInt64

        var isExecutable: Bool { flags & 1 != 0 }
        var isWritable: Bool { flags & 2 != 0 }
        var isReadable: Bool { flags & 4 != 0 }
    }

    static let magic: [UInt8] = [0x7F, 0x45, 0x4C, 0x46]
    private static let headerSize = 64
    private static let programHeaderSize = 56
    private static let loadType: UInt32 = 1
    private static let aarch64: UInt16 = 183
    private static let machineNames: [UInt16: String] = [3: "x86", 40: "32-bit Arm", 62: "x86-64", 243: "RISC-V"]

    let reader: ByteReader
    let entry: UInt64
    /// The segments that are loaded and not empty, in the file's order. The bytes of each lie inside the file, and
    /// its addresses do not wrap around.
    let segments: [Segment]

    static func hasMagic(_ data: Data) -> Bool { data.starts(with: magic) }

    init(_ data: Data) throws(Failure) {
        reader = ByteReader(data)
        guard Self.hasMagic(data) else {
            throw Failure("the file does not begin with ELF's magic number", remedy: "give an ELF64 file")
        }
        guard data.count >= Self.headerSize else {
            throw Self.damaged("its header is cut off after \(data.count) bytes")
        }
        try Self.checkIdentity(reader)
        entry = try reader.word64(24)
        segments = try Self.segments(reader)
    }

    /// Returns the bytes of `segment` that are in the file.
    func contents(of segment: Segment) -> Data {
        reader.slice(segment.offset, segment.fileSize) ?? Data()
    }

    private static func checkIdentity(_ reader: ByteReader) throws(Failure) {
        let fileClass = try reader.byte(4)
        let order = try reader.byte(5)
        let machine = try reader.word16(18)
        guard fileClass == 2 else {
            throw Failure("the ELF file is of class \(fileClass), not 64-bit", remedy: "build it for aarch64")
        }
        guard order == 1 else {
            throw Failure("the ELF file is big-endian", remedy: "build it for little-endian aarch64")
        }
        guard machine == aarch64 else {
            let name = machineNames[machine] ?? "machine number \(machine)"
            throw Failure("the ELF file is for \(name), not for AArch64", remedy: "build it for aarch64")
        }
    }

    private static func segments(_ reader: ByteReader) throws(Failure) -> [Segment] {
        let table = try reader.word64(32)
        let entrySize = UInt64(try reader.word16(54))
        let count = UInt64(try reader.word16(56))
        guard count > 0 else { throw damaged("it has no program headers") }
        guard entrySize == programHeaderSize else { throw damaged("its program headers are \(entrySize) bytes long") }
        guard reader.contains(table, count * entrySize) else { throw damaged("its program headers lie outside it") }
        var segments: [Segment] = []
        for index in 0..<count {
            if let segment = try segment(reader, at: table + index * entrySize) { segments.append(segment) }
        }
        guard !segments.isEmpty else { throw damaged("it has nothing to load") }
        return segments
    }

    private static func segment(_ reader: ByteReader, at header: UInt64) throws(Failure) -> Segment? {
        let segment = Segment(
            flags: try reader.word32(header + 4), offset: try reader.word64(header + 8),
            virtualAddress: try reader.word64(header + 16), physicalAddress: try reader.word64(header + 24),
            fileSize: try reader.word64(header + 32), memorySize: try reader.word64(header + 40))
        guard try reader.word32(header) == loadType, segment.memorySize > 0 else { return nil }
        guard reader.contains(segment.offset, segment.fileSize) else {
            throw damaged("the segment for \(hex(segment.virtualAddress)) reaches beyond its end")
        }
        guard segment.fileSize <= segment.memorySize else {
            throw damaged("the segment for \(hex(segment.virtualAddress)) is larger in the file than in memory")
        }
        for address in [segment.virtualAddress, segment.physicalAddress]
        where address.addingReportingOverflow(segment.memorySize).overflow {
            throw damaged("the segment for \(hex(address)) reaches beyond the end of the address space")
        }
        return segment
    }

    static func damaged(_ what: String) -> Failure {
        Failure("the ELF file is damaged: \(what)", remedy: "build or copy it again")
    }
}
