import Foundation

/// The part of a Debian machine that drives its virtual disks: Debian's modules for virtio.
enum DiskDrivers {
    static let driver = "virtio_blk.ko"
    /// The modules in the order of loading. Those that Debian has built into the kernel have no file.
    static let names = ["virtio_ring.ko", "virtio.ko", "virtio_mmio.ko", driver]

    /// Returns an archive that Linux unpacks behind the machine's own.
    static func archive(of modules: [(name: String, contents: Data)]) -> Data {
        var archive = CpioArchive()
        archive.add(directory: "lib")
        for module in modules { archive.add(file: "lib/\(module.name)", contents: module.contents) }
        archive.add(file: "etc/drivers", contents: Data(script.utf8))
        return archive.finished()
    }

    /// The commands that `/etc/start` of the machine executes.
    private static let script = """
        for module in \(names.joined(separator: " ")); do
            [ -e /lib/$module ] && insmod /lib/$module
        done

        """
}
