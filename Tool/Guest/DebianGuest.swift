import Foundation
import SystemImage

/// Debian's arm64 kernel and a small user space around its busybox. The tool fetches them once and keeps them.
struct DebianGuest {
    let workspace: Workspace
    let flavour: DebianFlavour

    private var folder: URL { workspace.debian.appendingPathComponent(flavour.rawValue) }
    var kernel: URL { folder.appendingPathComponent("vmlinuz") }
    var initrd: URL { folder.appendingPathComponent("initrd.cpio") }
    /// Debian's modules that a machine may need. The number in the name counts changes of the list.
    private var modules: URL { folder.appendingPathComponent("modules-4") }
    private var busybox: URL { folder.appendingPathComponent("busybox") }

    /// Returns the initial file system of a machine with a watchdog, with disks, or with both. It also has Debian's
    /// drivers of these devices.
    func initrd(withWatchdog hasWatchdog: Bool, disks hasDisks: Bool) throws -> URL {
        var image = try Data(contentsOf: initrd)
        var name = "initrd"
        // Linux unpacks several archives in a row, and a file of a later one replaces an earlier file.
        if hasWatchdog {
            image += WatchdogDrivers.archive(
                of: try drivers(WatchdogDrivers.names, needed: WatchdogDrivers.driver, by: "watchdog"))
            name += "-watchdog"
        }
        if hasDisks {
            image += DiskDrivers.archive(of: try drivers(DiskDrivers.names, needed: DiskDrivers.driver, by: "disks"))
            name += "-disks"
        }
        let file = folder.appendingPathComponent(name + ".cpio")
        if (try? Data(contentsOf: file)) != image { try image.writeWhole(to: file) }
        return file
    }

    /// Returns the modules of a list that Debian has not built into the kernel.
    func drivers(_ names: [String], needed: String, by key: String) throws -> [(name: String, contents: Data)] {
        let found = names.filter { FileManager.default.fileExists(atPath: modules.appendingPathComponent($0).path) }
        guard found.contains(needed) else {
            throw Failure(
                "Debian's kernel package \(flavour.package) holds no \(needed), which '\(key)' needs",
                remedy: "remove '\(key)', or name 'kernel:' and 'initrd:' files whose system has the driver")
        }
        return try found.map { ($0, try Data(contentsOf: modules.appendingPathComponent($0))) }
    }

    /// Fetches missing files, and (re)builds the initial file system, which takes a few milliseconds.
    func prepare() throws {
        if !isFetched { try workspace.exclusively("debian", "fetches Debian's kernel") { try fetchOnce() } }
        let image = try Initramfs(busybox: Data(contentsOf: busybox), folder: folder).archive()
        if (try? Data(contentsOf: initrd)) != image { try image.writeWhole(to: initrd) }
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
        let wanted = WatchdogDrivers.names + DiskDrivers.names + XenDrivers.names
        for case let file as URL in files where wanted.contains(file.lastPathComponent) {
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
