import Foundation
import SystemImage

/// An image of a disk that a user has: raw, qcow2 or vmdk.
struct DiskImageFile {
    let file: URL
    let format: Format

    enum Format: String, CaseIterable {
        case raw, qcow2, vmdk
    }

    /// Finds the format by the first bytes.
    init(_ file: URL) throws {
        self.file = file
        let handle = try FileHandle(forReadingFrom: file)
        defer { try? handle.close() }
        let start = try handle.read(upToCount: 512) ?? Data()
        let marks: [(Format, Data)] = [
            (.qcow2, Data([0x51, 0x46, 0x49, 0xFB])), (.vmdk, Data("KDMV".utf8)),
            (.vmdk, Data("# Disk DescriptorFile".utf8)),
        ]
        format = marks.first { start.starts(with: $0.1) }?.0 ?? .raw
    }

    /// Returns the format for an export, by the ending of the file's name.
    static func format(ofName file: URL) -> Format {
        Format(rawValue: file.pathExtension.lowercased()) ?? .raw
    }

    /// Passes the image as a raw file to `body`. Converts another format into a file beside `place` first.
    func withRaw<Result>(beside place: URL, _ body: (URL) throws -> Result) throws -> Result {
        if format == .raw { return try body(file) }
        let raw = place.deletingLastPathComponent().appendingPathComponent(".\(UUID().uuidString).raw")
        defer { try? FileManager.default.removeItem(at: raw) }
        try Progress.step("Converting \(file.shortPath) (\(format.rawValue))") {
            try Self.convert(file, format, to: raw, .raw)
        }
        return try body(raw)
    }

    /// Converts an image by qemu-img.
    static func convert(_ source: URL, _ format: Format, to target: URL, _ targetFormat: Format) throws {
        guard Subprocess.find("qemu-img") != nil else {
            throw Failure(
                "the program 'qemu-img', which converts images of disks, is not installed",
                remedy: "apt-get install --no-install-recommends qemu-utils")
        }
        try Subprocess(
            "qemu-img", ["convert", "-f", format.rawValue, "-O", targetFormat.rawValue, source.path, target.path]
        ).run()
    }
}
