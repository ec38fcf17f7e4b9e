import Foundation
import SystemImage

#if canImport(Glibc)
    import Glibc
#endif

/// An image of a disk that a user has: raw, qcow2 or vmdk.
struct DiskImageFile {
    let file: URL
    let format: Format

    typealias Format = DiskImageHeader.Format

    /// Finds the format by the first bytes.
    init(_ file: URL) throws {
        self.file = file
        format = try DiskImageHeader(file).format
    }

    /// Returns the format for an export, by the ending of the file's name.
    static func format(ofName file: URL) -> Format {
        Format(rawValue: file.pathExtension.lowercased()) ?? .raw
    }

    /// Passes the image as a raw file to `body`. Converts another format into a file beside `place` first.
    func withRaw<Result>(beside place: URL, _ body: (URL) throws -> Result) throws -> Result {
        if format == .raw { return try body(file) }
        let folder = place.deletingLastPathComponent()
        return try PartialFile.temporary(in: folder, named: "\(file.lastPathComponent).raw") { raw in
            try Progress.step("Converting \(file.shortPath) (\(format.rawValue))") {
                try Self.convert(file, format, to: raw, .raw)
            }
            return try body(raw)
        }
    }

    /// Converts an image by qemu-img.
    static func convert(_ source: URL, _ format: Format, to target: URL, _ targetFormat: Format) throws {
        guard let program = Subprocess.find("qemu-img") else {
            throw Failure(
                "the program 'qemu-img', which converts images of disks, is not installed",
                remedy: "apt-get install --no-install-recommends qemu-utils")
        }
        // A person sees how far it is. It must end with the tool, because it has a process group of its own.
        let progress = isatty(STDERR_FILENO) == 1 ? ["-p"] : []
        let arguments =
            ["convert"] + progress + ["-f", format.rawValue, "-O", targetFormat.rawValue, source.path, target.path]
        if Subprocess.find("setpriv") != nil {
            try Subprocess("setpriv", ["--pdeathsig", "KILL", program] + arguments).run()
        } else {
            try Subprocess(program, arguments).run()
        }
    }
}
