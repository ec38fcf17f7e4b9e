import Foundation
import SystemImage

/// Debian's arm64 kernel and a small user space around its busybox. The tool fetches them once and keeps them.
struct DebianGuest {
    let workspace: Workspace
    let flavour: DebianFlavour

    private var folder: URL { workspace.debian.appendingPathComponent(flavour.rawValue) }
    var kernel: URL { folder.appendingPathComponent("vmlinuz") }
    var initrd: URL { folder.appendingPathComponent("initrd.cpio") }
    /// The initial file system with Debian's driver of the machine's watchdog, and with a program that answers the
    /// watchdog.
    private var watchdogInitrd: URL { folder.appendingPathComponent("initrd-watchdog.cpio") }
    private var modules: URL { folder.appendingPathComponent("modules") }
    private var busybox: URL { folder.appendingPathComponent("busybox") }

    /// Returns the initial file system of a machine with a watchdog.
    func initrdWithWatchdog() throws -> URL {
        guard FileManager.default.fileExists(atPath: modules.appendingPathComponent(WatchdogDrivers.driver).path) else {
            throw Failure(
                "Debian's kernel package \(flavour.package) holds no \(WatchdogDrivers.driver), which 'watchdog: true' needs",
                remedy: "remove 'watchdog', or name 'kernel:' and 'initrd:' files whose system answers it")
        }
        return watchdogInitrd
    }

    /// Fetches missing files, and (re)builds the initial file system, which takes a few milliseconds.
    func prepare() throws {
        if !isFetched { try workspace.exclusively("debian", "fetches Debian's kernel") { try fetchOnce() } }
        let image = try Initramfs(busybox: Data(contentsOf: busybox), folder: folder).archive()
        if (try? Data(contentsOf: initrd)) != image { try image.writeWhole(to: initrd) }
        let drivers = try WatchdogDrivers.names.compactMap { name -> (String, Data)? in
            let file = modules.appendingPathComponent(name)
            return FileManager.default.fileExists(atPath: file.path) ? (name, try Data(contentsOf: file)) : nil
        }
        // Linux unpacks several archives in a row, and a file of a later one replaces an earlier file.
        let watched = image + WatchdogDrivers.archive(of: drivers)
        if (try? Data(contentsOf: watchdogInitrd)) != watched { try watched.writeWhole(to: watchdogInitrd) }
    }

    /// Fetches the files. Another run of the tool may have done so while this one waited.
    private func fetchOnce() throws {
        if isFetched { return }
        try Progress.step("Fetching Debian's arm64 kernel (\(flavour.package)) and busybox") { try fetch() }
    }

    private var isFetched: Bool {
        [kernel, busybox, modules].allSatisfy { FileManager.default.fileExists(atPath: $0.path) }
    }

    private func fetch() throws {
        guard Subprocess.find("apt-get") != nil, Subprocess.find("dpkg-deb") != nil else {
            throw Failure(
                "'guest: debian' is fetched through apt, which this system does not have",
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
        try keepModules(of: unpacked.appendingPathComponent(kernelPackage))
        let kernels = (try? FileManager.default.contentsOfDirectory(at: boot, includingPropertiesForKeys: nil)) ?? []
        try keep(kernels.filter { $0.lastPathComponent.hasPrefix("vmlinuz-") }, as: kernel)
    }

    /// Keeps the drivers that a machine may need. Drivers that Debian has built into the kernel have no file.
    private func keepModules(of package: URL) throws {
        try workspace.make(modules)
        let contents = FileManager.default.enumerator(at: package, includingPropertiesForKeys: nil)
        let files = contents?.allObjects ?? []
        for case let file as URL in files where WatchdogDrivers.names.contains(file.lastPathComponent) {
            try keep([file], as: modules.appendingPathComponent(file.lastPathComponent))
        }
    }

    /// Moves the first of `candidates` that exists. The kernel comes last, so that an interrupted fetch does not look
    /// complete.
    private func keep(_ candidates: [URL], as destination: URL) throws {
        guard let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0.path) }) else {
            throw Failure(
                "a package of Debian does not hold the file expected for \(destination.lastPathComponent)",
                remedy: "name 'kernel:' and 'initrd:' files in the manifest instead of 'guest: debian'")
        }
        try? FileManager.default.removeItem(at: destination)
        try FileManager.default.moveItem(at: found, to: destination)
    }
}

extension DebianFlavour {
    /// The name of the metapackage, which depends on the versioned kernel package.
    var package: String {
        switch self {
        case .cloud: "linux-image-cloud-arm64"
        case .generic: "linux-image-arm64"
        }
    }
}
