import Foundation
import SystemImage

/// The file of a machine's firmware. The tool fetches Debian's once and keeps it.
struct MachineFirmware {
    let source: FirmwareSource
    let workspace: Workspace

    /// Returns the file, after it has been fetched.
    func prepared() throws -> URL {
        switch source {
        case .uBoot:
            return try fetched("u-boot-qemu", "usr/lib/u-boot/qemu_arm64/u-boot.bin")
        case .edk2:
            return try fetched("qemu-efi-aarch64", "usr/share/qemu-efi-aarch64/QEMU_EFI.fd")
        case .file(let file): return file
        }
    }

    private func fetched(_ package: String, _ path: String) throws -> URL {
        let folder = workspace.debian.appendingPathComponent("firmware")
        let file = folder.appendingPathComponent("\(package).bin")
        if FileManager.default.fileExists(atPath: file.path) { return file }
        try workspace.exclusively("debian", "fetches Debian's firmware") {
            // Another run of the tool may have fetched it while this one waited.
            if FileManager.default.fileExists(atPath: file.path) { return }
            try Progress.step("Fetching Debian's firmware (\(package))") { try fetch(package, path, to: file) }
        }
        return file
    }

    private static let remedy = "name the file of a firmware in the manifest, as 'firmware: FILE'"

    private func fetch(_ package: String, _ path: String, to file: URL) throws {
        guard Subprocess.find("apt-get") != nil, Subprocess.find("dpkg-deb") != nil else {
            throw Failure("firmware is fetched through apt, which this system does not have", remedy: Self.remedy)
        }
        let apt = PrivateApt(folder: workspace.debian.appendingPathComponent("apt"), architecture: "arm64")
        let unpacked = workspace.debian.appendingPathComponent("unpacked")
        try? FileManager.default.removeItem(at: unpacked)
        defer { try? FileManager.default.removeItem(at: unpacked) }
        do {
            try apt.update()
            try apt.unpack([package], into: unpacked)
        } catch let failure as Failure {
            throw Failure("Debian's package \(package) cannot be fetched: \(failure.problem)", remedy: Self.remedy)
        }
        let found = unpacked.appendingPathComponent(package).appendingPathComponent(path)
        guard FileManager.default.fileExists(atPath: found.path) else {
            throw Failure("Debian's package \(package) does not hold /\(path)", remedy: Self.remedy)
        }
        try workspace.make(file.deletingLastPathComponent())
        try FileManager.default.moveItem(at: found, to: file)
    }
}
