import Foundation

/// The kernel of a machine, as the pieces that go into the machine's RAM.
public struct GuestImage: Sendable {
    /// A piece of the kernel with its guest-physical address, which is a multiple of 8.
    public struct Module: Sendable {
        public var address: UInt64
        public var data: Data
    }

    /// The pieces by ascending address, without overlaps.
    public let modules: [Module]
    public let entry: UInt64
    /// True if the file is an arm64 Image, as Linux is.
    public let isLinux: Bool
    /// The first address behind the memory that the kernel needs before it manages memory by itself.
    public let end: UInt64

    /// The number of pieces, at most. The initial RAM disk and the device tree need a further `GuestSegment` each.
    static let maximumModules = 6
    static let blockSize: UInt64 = 2 << 20
    private static let flatOffset: UInt64 = 0x8_0000

    /// Reads a kernel's file.
    ///
    /// - Parameters:
    ///   - ramBase: the start of the machine's RAM; a multiple of 2 MiB.
    ///   - ramSize: the size of the RAM in bytes.
    ///   - decompress: decompresses data in gzip's format. A `Failure` of it is passed on, because the file may not
    ///     be at fault.
    /// - Throws: `Failure` if the file is no kernel for arm64, or does not fit into the RAM.
    public init(
        kernel: Data, format: GuestFormat = .auto, ramBase: UInt64, ramSize: UInt64, decompress: (Data) throws -> Data
    ) throws(Failure) {
        guard ramBase.isMultiple(ofSize: Self.blockSize), !ramBase.addingReportingOverflow(ramSize).overflow else {
            throw Failure(
                "RAM of \(ByteSize(bytes: ramSize)) at \(hex(ramBase)) is misaligned or wraps around",
                remedy: "begin it at a multiple of 2MiB")
        }
        let (data, kind) = try Self.unpacked(kernel, try GuestKernelKind(of: kernel, format: format), decompress)
        isLinux = kind != .flat && kind != .elf
        switch kind {
        case .flat:
            let start = ramBase + Self.flatOffset
            (modules, entry, end) = ([Module(address: start, data: data)], start, start + UInt64(data.count))
        case .elf:
            (modules, entry, end) = try Self.elf(data, ramBase)
        default:
            let header = try ARM64ImageHeader(data)
            let (start, overflow) = ramBase.addingReportingOverflow(header.textOffset)
            let (imageEnd, endOverflow) = start.addingReportingOverflow(header.memorySize(fileSize: data.count))
            guard !overflow, !endOverflow else { throw ARM64ImageHeader.damaged("its size wraps around") }
            (modules, entry, end) = ([Module(address: start, data: data)], start, imageEnd)
        }
        try Self.check(modules, from: ramBase, end: end, ramEnd: ramBase + ramSize, size: ramSize)
    }

    /// Decompresses the file at most once. The result must be an arm64 Image or an ELF file.
    private static func unpacked(
        _ data: Data, _ kind: GuestKernelKind, _ decompress: (Data) throws -> Data
    ) throws(Failure) -> (Data, GuestKernelKind) {
        let packed: Data
        switch kind {
        case .gzip: packed = data
        case .compressedEFI(let offset, let size): packed = ByteReader(data).slice(offset, size) ?? Data()
        default: return (data, kind)
        }
        let plain: Data
        do {
            plain = try decompress(Data(packed))
        } catch let error as Failure {
            throw error
        } catch {
            throw Failure("the kernel cannot be decompressed: \(error)", remedy: "copy the file again")
        }
        let inner = try GuestKernelKind(of: plain, format: .auto)
        guard inner == .image || inner == .elf else {
            throw Failure(
                "the kernel is compressed more than once",
                remedy: "decompress the file with gunzip and name the result")
        }
        return (plain, inner)
    }

    private static func elf(_ data: Data, _ ramBase: UInt64) throws(Failure) -> ([Module], entry: UInt64, end: UInt64) {
        let file = try ELFFile(data)
        let segments = file.segments.sorted { $0.physicalAddress < $1.physicalAddress }
        let modules = try Self.modules(segments, file, ramBase)
        guard modules.count <= maximumModules else {
            throw Failure(
                "the kernel's ELF file has \(modules.count) segments to load that lie apart, and "
                    + "\(maximumModules) are possible",
                remedy: "merge them in its linker script, or name a flat binary with 'format: flat'")
        }
        // The entry is a virtual address, but the machine starts with its MMU off.
        var entry = file.entry
        if let home = segments.first(where: {
            file.entry >= $0.virtualAddress && file.entry - $0.virtualAddress < $0.memorySize
        }) {
            entry = home.physicalAddress + (file.entry - home.virtualAddress)
        }
        let end = segments.map { $0.physicalAddress + $0.memorySize }.max() ?? 0
        return (modules, entry, end)
    }

    /// The least distance between two pieces; nearer ones become one. A monitor copies blocks of 64 bytes, and pieces
    /// begin at multiples of 8, so that of two neighbours one copy would overwrite an end of the other.
    private static let smallestGap: UInt64 = 64

    /// Returns the contents of the segments in the file, by ascending address, for segments that begin and end
    /// anywhere. The rest of the segments, and the gap between two that become one, is RAM that is zero when the
    /// machine starts.
    private static func modules(
        _ segments: [ELFFile.Segment], _ file: ELFFile, _ ramBase: UInt64
    ) throws(Failure) -> [Module] {
        var modules: [Module] = []
        for segment in segments where segment.fileSize > 0 {
            let last = modules.count - 1
            let end = last < 0 ? 0 : modules[last].address + UInt64(modules[last].data.count)
            guard segment.physicalAddress >= end else {
                throw misplaced(segment.physicalAddress, below: end, ramBase)
            }
            if last >= 0, segment.physicalAddress - end < smallestGap {
                modules[last].data.append(Data(count: Int(segment.physicalAddress - end)))
                modules[last].data.append(file.contents(of: segment))
            } else {
                let address = segment.physicalAddress & ~7
                let padding = Data(count: Int(segment.physicalAddress - address))
                modules.append(Module(address: address, data: padding + file.contents(of: segment)))
            }
        }
        return modules
    }

    private static func misplaced(_ address: UInt64, below limit: UInt64, _ ramBase: UInt64) -> Failure {
        Failure(
            "the kernel's part for \(hex(address)) lies below \(hex(limit)), where "
                + (limit == ramBase ? "RAM begins" : "the part before it ends"),
            remedy: "link the kernel for RAM from \(hex(ramBase)) on, without overlaps")
    }

    private static func check(
        _ modules: [Module], from base: UInt64, end: UInt64, ramEnd: UInt64, size: UInt64
    ) throws(Failure) {
        var lowest = base
        for module in modules {
            guard module.address >= lowest else {
                throw misplaced(module.address, below: lowest, base)
            }
            lowest = module.address + UInt64(module.data.count)
        }
        guard max(end, lowest) <= ramEnd else {
            throw Failure(
                "the kernel needs memory up to \(hex(max(end, lowest))), but the machine's \(ByteSize(bytes: size)) of "
                    + "RAM end at \(hex(ramEnd))",
                remedy: "give the machine more 'memory', at least "
                    + "\(ByteSize(bytes: (max(end, lowest) - base).aligned(to: blockSize)))")
        }
    }
}
