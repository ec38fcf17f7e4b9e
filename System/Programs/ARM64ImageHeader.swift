import Foundation

/// The header of an arm64 Image (Linux, Documentation/arch/arm64/booting.rst).
struct ARM64ImageHeader {
    static let size = 64
    private static let magic: [UInt8] = [0x41, 0x52, 0x4D, 0x64]
    /// The offset of kernels before 3.17. They have no image size, and ignore the offset in the header.
    private static let oldTextOffset: UInt64 = 0x8_0000

    /// The distance in bytes between a 2 MiB boundary and the Image.
    let textOffset: UInt64
    /// The bytes of memory that the kernel needs, including those that are not in the file; 0 if unknown.
    let imageSize: UInt64

    static func hasMagic(_ data: Data) -> Bool { ByteReader(data).slice(56, 4) == Data(magic) }

    init(_ data: Data) throws(Failure) {
        guard data.count >= Self.size, Self.hasMagic(data) else { throw Self.damaged("its header is cut off") }
        let reader = ByteReader(data)
        let offset = try reader.word64(8)
        imageSize = try reader.word64(16)
        let flags = try reader.word64(24)
        guard flags & 1 == 0 else {
            throw Failure("the kernel is big-endian", remedy: "name a little-endian arm64 kernel")
        }
        textOffset = imageSize == 0 ? Self.oldTextOffset : offset
        guard textOffset.isMultiple(ofSize: 8) else {
            throw Self.damaged("its text offset \(hex(textOffset)) is not aligned")
        }
    }

    func memorySize(fileSize: Int) -> UInt64 {
        // If the size is unknown, the kernel is old, and its uninitialised data stays below the size of the file.
        imageSize == 0 ? UInt64(fileSize) * 2 : max(imageSize, UInt64(fileSize))
    }

    static func damaged(_ what: String) -> Failure {
        Failure("the arm64 image is damaged: \(what)", remedy: "build or copy the kernel again")
    }
}
