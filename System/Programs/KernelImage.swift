import Foundation

/// The hypervisor's kernel as a flat binary: its ELF segments in their order in memory, including zeroed data.
public struct KernelImage: Sendable {
    /// The bytes that the boot loader loads, beginning with an arm64 Image header.
    public let flat: Data
    /// The functions by link-time address. The kernel is linked at 0.
    public let symbols: SymbolTable

    private static let maximumSize: UInt64 = 16 << 20
    private static let imageSizeOffset = 16
    private static let flagsOffset = 24
    /// The flags of the header: little-endian, pages of 4 KiB, anywhere in RAM.
    private static let flags: UInt64 = 0b1010

    /// Holds bytes without symbols, which no board boots.
    init(flat: Data) { (self.flat, symbols) = (flat, SymbolTable()) }

    /// Reads the kernel's program.
    ///
    /// - Parameter elf: an ELF file that is linked at 0, position-independent, and begins with an arm64 Image header.
    public init(elf: Data) throws(Failure) {
        var flat = Data()
        for segment in try ELFFile(elf).segments.sorted(by: { $0.physicalAddress < $1.physicalAddress }) {
            let end = segment.physicalAddress + segment.memorySize
            guard end <= Self.maximumSize else {
                throw Self.unfit("it reaches up to \(hex(end)), beyond \(ByteSize(bytes: Self.maximumSize))")
            }
            guard segment.physicalAddress >= UInt64(flat.count) else {
                throw Self.unfit("the segment for \(hex(segment.physicalAddress)) overlaps the one before it")
            }
            flat.padWithZeros(to: Int(segment.physicalAddress))
            flat.append(ByteReader(elf).slice(segment.offset, segment.fileSize) ?? Data())
            flat.padWithZeros(to: Int(end))
        }
        guard ARM64ImageHeader.hasMagic(flat) else { throw Self.unfit("it does not begin with an arm64 Image header") }
        self.flat = flat
        symbols = try SymbolTable(elf: elf)
    }

    /// Returns the function at `address` (relative to the kernel's first byte) as `name + 0x12`.
    public func symbol(at address: UInt64) -> String? { symbols.symbol(at: address) }

    /// Returns the kernel, padded to `alignment`, with `image` behind it. The header tells the boot loader the size
    /// of both.
    func joined(with image: Data, alignment: Int) -> Data {
        var joined = flat
        joined.reserveCapacity(flat.count + alignment + image.count)
        joined.padWithZeros(to: Int(UInt64(flat.count).aligned(to: UInt64(alignment))))
        joined.append(image)
        joined.padWithZeros(to: Int(UInt64(joined.count).aligned(to: UInt64(alignment))))
        joined.store(UInt64(joined.count), at: Self.imageSizeOffset)
        joined.store(Self.flags, at: Self.flagsOffset)
        return joined
    }

    private static func unfit(_ what: String) -> Failure {
        Failure("the kernel's ELF file is unfit: \(what)", remedy: "link it with the kernel's linker script")
    }
}

extension Data {
    fileprivate mutating func store(_ value: UInt64, at offset: Int) {
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        replaceSubrange(startIndex + offset..<startIndex + offset + 8, with: bytes)
    }
}
