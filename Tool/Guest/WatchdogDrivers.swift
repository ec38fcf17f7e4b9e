import Foundation

/// The part of a Debian machine that answers its watchdog: Debian's driver, as a module, and busybox's `watchdog`.
enum WatchdogDrivers {
    static let driver = "sbsa_gwdt.ko"
    /// The modules in the order of loading. The first is part of the kernel in Debian's flavour `generic`.
    static let names = ["watchdog.ko", driver]

    /// Returns an archive that Linux unpacks behind the machine's own.
    static func archive(of modules: [(name: String, contents: Data)]) -> Data {
        var archive = CpioArchive()
        archive.add(directory: "lib")
        for module in modules { archive.add(file: "lib/\(module.name)", contents: module.contents) }
        archive.add(file: "etc/watchdog", contents: Data(script.utf8), permissions: 0o755)
        archive.add(file: "etc/inittab", contents: Data((Initramfs.inittab + "::once:/etc/watchdog\n").utf8))
        return archive.finished()
    }

    /// The script that loads the modules. The program opens the device, which starts the watchdog, and answers it every
    /// 5 s.
    private static let script = """
        #!/bin/sh
        for module in \(names.joined(separator: " ")); do
            [ -e /lib/$module ] && insmod /lib/$module 2>/dev/null
        done
        exec watchdog -F -t 5 -T 30 /dev/watchdog

        """
}
