import Foundation

/// The format in which the tool reads a machine's kernel file.
public enum GuestFormat: String, Sendable, CaseIterable {
    /// The format that the first bytes show: an arm64 Image, a compressed one, or an ELF64 file.
    case auto
    /// Bare instructions, which run from the first byte on.
    case flat
}

/// The kind of a machine's kernel file, which its first bytes show.
enum GuestKernelKind: Equatable {
    case image
    case elf
    case gzip
    /// A decompressor for EFI with an Image that is compressed with gzip.
    case compressedEFI(offset: UInt64, size: UInt64)
    case flat

    /// Examines a file.
    ///
    /// - Throws: `Failure` with the kind of the file, if it is known, when that is no kernel.
    init(of data: Data, format: GuestFormat) throws(Failure) {
        guard !data.isEmpty else {
            throw Failure("the kernel is empty", remedy: "name a file that holds an arm64 Image")
        }
        if format == .flat {
            self = .flat
        } else if data.starts(with: [0x1F, 0x8B]) {
            self = .gzip
        } else if ELFFile.hasMagic(data) {
            _ = try ELFFile(data)
            self = .elf
        } else if ARM64ImageHeader.hasMagic(data) {
            _ = try ARM64ImageHeader(data)
            self = .image
        } else if let (offset, size) = try Self.compressedPayload(data) {
            self = .compressedEFI(offset: offset, size: size)
        } else {
            throw Self.foreign(data)
        }
    }

    private static func compressedPayload(_ data: Data) throws(Failure) -> (UInt64, UInt64)? {
        let reader = ByteReader(data)
        guard data.starts(with: Array("MZ".utf8)), reader.slice(4, 4) == Data("zimg".utf8) else { return nil }
        let offset = UInt64(try reader.word32(8))
        let size = UInt64(try reader.word32(12))
        guard reader.contains(offset, size), let type = reader.slice(24, 32) else {
            throw ARM64ImageHeader.damaged("its compressed part reaches beyond its end")
        }
        let compression = String(decoding: type.prefix { $0 != 0 }, as: UTF8.self)
        guard compression == "gzip" else {
            throw Failure(
                "the kernel is compressed with '\(compression)', but the tool can only decompress gzip",
                remedy: "unpack it and name the arm64 Image inside")
        }
        return (offset, size)
    }

    private static func foreign(_ data: Data) -> Failure {
        Failure(
            "the kernel is not an arm64 image: \(description(data))",
            remedy: "name an arm64 Image, a gzip-compressed one, or an ELF64 file for AArch64; a flat binary needs "
                + "'format: flat'")
    }

    private static func description(_ data: Data) -> String {
        let reader = ByteReader(data)
        let known: [(offset: UInt64, magic: [UInt8], what: String)] = [
            (0x202, Array("HdrS".utf8), "it is a Linux kernel for x86 (bzImage)"),
            (0x24, [0x18, 0x28, 0x6F, 0x01], "it is a Linux kernel for 32-bit Arm (zImage)"),
            (0x38, Array("RSC\u{05}".utf8), "it is a Linux kernel for RISC-V"),
            (0, [0x27, 0x05, 0x19, 0x56], "it is an image for U-Boot (uImage)"),
            (0, [0xD0, 0x0D, 0xFE, 0xED], "it is a flattened device tree or FIT image"),
            (0, [0xFD, 0x37, 0x7A, 0x58, 0x5A], "it is compressed with xz"),
            (0, [0x28, 0xB5, 0x2F, 0xFD], "it is compressed with zstd"),
            (0, Array("BZh".utf8), "it is compressed with bzip2"),
            (0, Array("070701".utf8), "it is a cpio archive, as initial RAM disks are"),
            (0, Array("!<arch>\n".utf8), "it is a Debian package or a static library"),
        ]
        for entry in known where reader.slice(entry.offset, UInt64(entry.magic.count)) == Data(entry.magic) {
            return entry.what
        }
        let start = data.prefix(512)
        if start.allSatisfy({ $0 == 9 || $0 == 10 || $0 == 13 || (0x20...0x7E).contains($0) }) {
            return "it is a text file"
        }
        guard data.count >= ARM64ImageHeader.size else {
            return "it is \(data.count) bytes long, but the header alone has \(ARM64ImageHeader.size)"
        }
        return "the magic number 'ARM\\x64' is not at byte 56"
    }
}
