import Foundation

/// The format and the size of an image of a disk, as the first bytes of its file say.
public struct DiskImageHeader: Sendable, Equatable {
    public enum Format: String, Sendable, CaseIterable {
        case raw, qcow2, vmdk
    }

    public var format: Format
    /// The size of the disk in bytes, a multiple of 512; nil if the header does not say it.
    public var size: UInt64?

    /// Reads the start of a file.
    ///
    /// - Throws: an error of Foundation if the file cannot be read.
    public init(_ file: URL) throws {
        let handle = try FileHandle(forReadingFrom: file)
        defer { try? handle.close() }
        let start = try handle.read(upToCount: 512) ?? Data()
        self.init(start: start, fileSize: try handle.seekToEnd())
    }

    /// - Parameter start: the first 512 bytes, or all if the file has fewer.
    init(start: Data, fileSize: UInt64) {
        func number(_ range: Range<Int>, bigEndian: Bool) -> UInt64 {
            let bytes = start.dropFirst(range.lowerBound).prefix(range.count)
            return (bigEndian ? Array(bytes) : bytes.reversed()).reduce(0) { $0 << 8 | UInt64($1) }
        }
        if start.starts(with: [0x51, 0x46, 0x49, 0xFB]), start.count >= 32 {
            // docs/interop/qcow2.txt of QEMU: bytes 24 to 31 are the size.
            (format, size) = (.qcow2, number(24..<32, bigEndian: true))
        } else if start.starts(with: Data("KDMV".utf8)), start.count >= 20 {
            // Virtual Disk Format 5.0: bytes 12 to 19 are the capacity in sectors.
            let (bytes, overflow) = number(12..<20, bigEndian: false).multipliedReportingOverflow(by: 512)
            (format, size) = (.vmdk, overflow ? nil : bytes)
        } else if start.starts(with: Data("# Disk DescriptorFile".utf8)) {
            (format, size) = (.vmdk, nil)
        } else {
            (format, size) = (.raw, fileSize)
        }
        size = size.map { $0 > .max - 511 ? $0 : ($0 + 511) & ~511 }
    }
}

extension DiskTemplate {
    /// The size that is known before the disk is made, in bytes.
    var knownSize: UInt64? {
        size ?? image.flatMap { try? DiskImageHeader($0).size } ?? debian.map { _ in DebianSystem.leastDiskSize }
    }
}

extension DiskDescription {
    /// The size that is known before the disk is made, in bytes.
    func knownSize(_ templates: [DiskTemplate]) -> UInt64? {
        if let size { return size }
        if let image { return try? DiskImageHeader(image).size }
        return templates.first { $0.name == cloneOf }?.knownSize
    }
}
