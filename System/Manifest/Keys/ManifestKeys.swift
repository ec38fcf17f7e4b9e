/// Guesses the key that a user meant. `ManifestPart` has the keys.
enum ManifestKeys {
    /// The names that other systems give to the same thing.
    private static let synonyms: [(key: String, names: [String])] = [
        ("command-line", ["cmdline", "bootargs", "append", "kernel-args", "args", "cmd-line"]),
        ("arguments", ["args", "argv", "parameters"]),
        ("device-tree", ["dtb", "dts", "dtbo", "overlay", "fdt", "devicetree"]),
        ("memory", ["ram", "mem", "heap", "memory-size", "size"]),
        ("cpus", ["vcpus", "smp", "cores", "cpu"]),
        ("cores", ["cpus", "smp", "vcpus", "processors"]),
        ("cpu", ["model", "cpu-model", "processor"]),
        ("kernel", ["image", "bzimage", "binary", "elf", "vmlinuz", "file"]),
        ("initrd", ["initramfs", "ramdisk", "rootfs"]),
        ("watchdog", ["wdt", "healthcheck", "on-hang"]),
        ("on-panic", ["pvpanic", "panic", "on-crash"]),
        ("guest", ["os", "distribution", "distro"]),
        ("target", ["program", "binary", "executable", "elf", "image"]),
        ("package", ["path", "folder", "source"]),
        ("core", ["affinity", "pin", "cpu", "pcpu"]),
        ("priority", ["prio", "nice"]),
        ("uses", ["needs", "clients", "connects", "depends-on"]),
        ("criticality", ["asil", "level", "integrity", "sil", "safety"]),
        ("after", ["depends", "depends-on", "requires"]),
        ("machines", ["vms", "guests", "virtual-machines", "domains"]),
        ("components", ["services", "servers", "tasks", "programs"]),
        ("system", ["name"]),
        ("disks", ["volumes", "drives", "storage", "block-devices", "disk"]),
        ("clone-of", ["from", "base", "backing-file", "template", "parent"]),
        ("read-only", ["readonly", "ro"]),
        ("image", ["path", "source", "qcow2"]),
        ("board-disk", ["on", "pool", "device", "store"]),
        ("board", ["platform", "hardware"]),
    ]

    /// Returns the key of `known` that a user meant by `name`, or nil if none is similar.
    static func meant(by name: String, among known: [String]) -> String? {
        let word = name.lowercased().replacing("_", with: "-")
        if known.contains(word) { return word }
        return synonyms.first { known.contains($0.key) && $0.names.contains(word) }?.key ?? name.nearest(in: known)
    }
}
