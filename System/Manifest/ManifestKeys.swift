import ABI

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
        ("board", ["platform", "hardware"]),
    ]

    /// Returns the key of `known` that a user meant by `name`, or nil if none is similar.
    static func meant(by name: String, among known: [String]) -> String? {
        let word = name.lowercased().replacing("_", with: "-")
        if known.contains(word) { return word }
        return synonyms.first { known.contains($0.key) && $0.names.contains(word) }?.key ?? name.nearest(in: known)
    }
}

extension BoardDescription {
    static let boards = ["virt"]
    public static let cpuModels = ["cortex-a53", "cortex-a57", "cortex-a72", "cortex-a76", "neoverse-n1", "max"]
    static let onFailures: [(name: String, value: OnFailure)] = [
        ("continue", .goOn), ("reset", .reset), ("power-off", .powerOff),
    ]
    public static let coreCounts = 1...Board.maximumCores
    static let memoryGranule: UInt64 = 2 << 20
    static let memorySizes: ClosedRange<UInt64> = (64 << 20)...(255 << 30)

    /// Returns the rule that a size of the board's memory breaks, or nil if it breaks none.
    public static func conflict(ofMemory bytes: UInt64) -> String? {
        guard memorySizes.contains(bytes) else {
            return "outside \(ByteSize(bytes: memorySizes.lowerBound)) to \(ByteSize(bytes: memorySizes.upperBound))"
        }
        return bytes.isMultiple(of: memoryGranule) ? nil : "which is no multiple of \(ByteSize(bytes: memoryGranule))"
    }
}

extension MachineDescription {
    static let cpuCounts = 1...4
    static let memoryGranule = GuestImage.blockSize
    /// The length of a command line, at most. Linux for arm64 cuts off longer ones (COMMAND_LINE_SIZE).
    static let maximumCommandLine = 2047
}

extension ComponentDescription {
    static let memoryGranule = Program.pageSize
    static let memorySizes: ClosedRange<UInt64> = 0...(1 << 30)
    /// The sizes of a stack. Even below the largest stack a page stays unmapped, so that an overflow faults.
    static let stackSizes: ClosedRange<UInt64> = Program.pageSize...(ComponentLayout.stackStride - Program.pageSize)
    static let sharedSizes: ClosedRange<UInt64> = 0...ComponentLayout.maximumShared
}

extension TenantDescription {
    /// The length of a name, at most. It is one byte less than a tenant's record holds, so that a zero always ends
    /// the name.
    public static let maximumName = Tenant.nameSize - 1
    /// The names of the consoles that every system has.
    public static let reservedNames = ["kernel", "root", "serial"]
}
