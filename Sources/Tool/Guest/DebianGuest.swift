import Foundation
import SystemImage

/// Debian's arm64 kernel and a small user space around its busybox, fetched once and kept.
struct DebianGuest {
    let workspace: Workspace
    let flavour: DebianFlavour

    private var folder: URL { workspace.debian.appendingPathComponent(flavour.rawValue) }
    var kernel: URL { folder.appendingPathComponent("vmlinuz") }
    var initrd: URL { folder.appendingPathComponent("initrd.cpio") }
    private var busybox: URL { folder.appendingPathComponent("busybox") }

    /// Fetches what is not there yet, and (re)builds the initial file system, which takes a few milliseconds.
    func prepare() throws {
        if !isFetched { try workspace.exclusively("debian", "fetches Debian's kernel") { try fetchOnce() } }
        let image = try Initramfs(busybox: Data(contentsOf: busybox), folder: folder).archive()
        if (try? Data(contentsOf: initrd)) != image { try image.writeWhole(to: initrd) }
    }

    /// Another run of the tool may have fetched it while this one waited.
    private func fetchOnce() throws {
        if isFetched { return }
        try Progress.step("Fetching Debian's arm64 kernel (\(flavour.package)) and busybox") { try fetch() }
    }

    private var isFetched: Bool {
        [kernel, busybox].allSatisfy { FileManager.default.fileExists(atPath: $0.path) }
    }

    private func fetch() throws {
        guard Subprocess.find("apt-get") != nil, Subprocess.find("dpkg-deb") != nil else {
            throw Failure("'guest: debian' is fetched through apt, which this system does not have",
                          remedy: "name 'kernel:' and 'initrd:' files in the manifest instead")
        }
        let apt = PrivateApt(folder: workspace.debian.appendingPathComponent("apt"), architecture: "arm64")
        try apt.update()
        let kernelPackage = try apt.dependency(of: flavour.package, startingWith: "linux-image-")
        let unpacked = workspace.debian.appendingPathComponent("unpacked")
        try? FileManager.default.removeItem(at: unpacked)
        defer { try? FileManager.default.removeItem(at: unpacked) }
        try apt.unpack([kernelPackage, "busybox-static"], into: unpacked)

        try workspace.make(folder)
        let boot = unpacked.appendingPathComponent(kernelPackage).appendingPathComponent("boot")
        let programs = unpacked.appendingPathComponent("busybox-static")
        // Newer releases of Debian keep all programs under /usr.
        try keep(["bin/busybox", "usr/bin/busybox"].map(programs.appendingPathComponent), as: busybox)
        let kernels = (try? FileManager.default.contentsOfDirectory(at: boot, includingPropertiesForKeys: nil)) ?? []
        try keep(kernels.filter { $0.lastPathComponent.hasPrefix("vmlinuz-") }, as: kernel)
    }

    /// Moves the first of `candidates` that exists; the kernel comes last, so that half a fetch is not taken for a whole.
    private func keep(_ candidates: [URL], as destination: URL) throws {
        guard let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0.path) }) else {
            throw Failure("a package of Debian does not hold the file expected for \(destination.lastPathComponent)",
                          remedy: "name 'kernel:' and 'initrd:' files in the manifest instead of 'guest: debian'")
        }
        try? FileManager.default.removeItem(at: destination)
        try FileManager.default.moveItem(at: found, to: destination)
    }
}

extension DebianFlavour {
    /// The metapackage, which depends on the versioned kernel package.
    var package: String {
        switch self {
        case .cloud: "linux-image-cloud-arm64"
        case .generic: "linux-image-arm64"
        }
    }
}
