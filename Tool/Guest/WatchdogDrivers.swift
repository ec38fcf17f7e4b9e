import Foundation

/// The part of a Debian machine that answers its watchdog: Debian's driver, as a module, and busybox's `watchdog`.
enum WatchdogDrivers {
    static let driver = "sbsa_gwdt.ko"
    /// In the order in which they are loaded. The first is part of the kernel in Debian's flavour `generic`.
    static let names = ["watchdog.ko", driver]

    /// An archive that is unpacked behind the machine's own.
    static func archive(of modules: [(name: String, contents: Data)]) -> Data {
        var archive = CpioArchive()
        archive.add(directory: "lib")
        for module in modules { archive.add(file: "lib/\(module.name)", contents: module.contents) }
        archive.add(file: "etc/watchdog", contents: Data(script.utf8), permissions: 0o755)
        archive.add(file: "etc/inittab", contents: Data((Initramfs.inittab + "::once:/etc/watchdog\n").utf8))
        return archive.finished()
    }

    /// The program opens the device, and so starts the watchdog; it answers every 5 s.
    private static let script = """
        #!/bin/sh
        for module in \(names.joined(separator: " ")); do
            [ -e /lib/$module ] && insmod /lib/$module 2>/dev/null
        done
        exec watchdog -F -t 5 -T 30 /dev/watchdog

        """
}
