import ABI

// Every key of the manifest. After a change, run './entente generate', which writes Schemas/manifest.schema.json and
// the tables of docs/manifest.md.
extension ManifestPart {
    static let all = [
        system, board, machine, guest, debian, component, boardDisk, diskTemplate, disk, paged, sharedMemory, restart,
        group, accept, program,
    ]

    static let system = ManifestPart(
        name: "system",
        keys: [
            .init("system", .name, "its name", columns: ["the name of the manifest's folder"]),
            .init(
                "board", .part("board"), "the board on which the system runs: see [below](#board)",
                columns: ["all defaults"]),
            .init(
                "root", .program(),
                "`{target: NAME}`: the program of this repository that starts first and receives the whole board",
                columns: ["`\(Manifest.standardRoot)`, which starts the machines and components"]),
            .init("machines", .mapping(to: .part("machine")), "a mapping from names to machines", columns: ["none"]),
            .init(
                "components", .mapping(to: .part("component")), "a mapping from names to components", columns: ["none"]),
            .init(
                "groups", .mapping(to: .part("group"), maximum: GroupDescription.maximum),
                "a mapping from names to groups that restart together, {range}: see [Restarts](#restarts)",
                columns: ["none"]),
            .init(
                "shared-memory", .mapping(to: .part("sharedMemory"), maximum: SharedMemoryDescription.maximum),
                "a mapping from names to memory that two tenants share, {range}: see [Shared memory](#shared-memory)",
                columns: ["none"]),
            .init(
                "disks", .mapping(from: .name, to: .part("diskTemplate"), maximum: DiskTemplate.maximum),
                "a mapping from names to disks of which others are cloned, {range}: see [Disks](#disks)",
                columns: ["none"]),
        ],
        rules: [("anyOf", .array(["machines", "components", "root"].map(SchemaValue.requires)))])

    static let board = ManifestPart(
        name: "board",
        keys: [
            .init(
                "name", .choice(BoardDescription.boards, default: BoardDescription().name),
                "the emulator's board: {range} is QEMU's board of that name"),
            .init(
                "cpu", .choice(BoardDescription.cpuNames, default: BoardDescription().cpu), "the CPU model: {range}"),
            .init(
                "cores", .number(BoardDescription.coreCounts, default: BoardDescription().cores), "the number of cores"),
            .init(
                "memory",
                .size(
                    BoardDescription.memorySizes, multipleOf: BoardDescription.memoryGranule,
                    default: BoardDescription().memory), "bytes of RAM"),
            .init(
                "on-failure", .choice(BoardDescription.onFailures.map(\.name), default: "continue"),
                "the board's action when a part of the system goes beyond its limit and has no group to restart: `continue` "
                    + "without that part, `reset`, or `power-off`"),
            .init(
                "disks", .mapping(from: .name, to: .part("boardDisk"), maximum: BoardDiskDescription.maximum),
                "a mapping from names to the board's disks, {range}: see [Disks](#disks)",
                columns: ["none, or `\(BoardDiskDescription.standardName)` if a machine or component has disks"]),
        ])

    private static let anyMachine = MachineDescription(name: "")
    private static let anyComponent = ComponentDescription(name: "", program: .target(""))

    static let machine = ManifestPart(
        name: "machine",
        keys: [
            .init(
                "guest", .either(.choice(["debian"], default: "debian"), .part("guest")),
                "`debian`: Debian's kernel and a small system on busybox; or `{debian: {packages: [NAME, ...]}}`: a "
                    + "whole Debian on the disk `root`, see [Debian on a disk](#debian-on-a-disk). The machine's name is its host name",
                columns: ["`debian`, unless there is a `kernel` or `firmware`"]),
            .init(
                "flavour", .choice(DebianFlavour.allCases.map(\.rawValue), default: DebianFlavour.cloud.rawValue),
                "the kernel of Debian: `cloud` (linux-image-cloud-arm64) or `generic` (linux-image-arm64)"),
            .init(
                "kernel", .either(.file, .program()),
                "the file of a kernel of your own, instead of `guest`; or `{target: NAME}`, a program of this repository "
                    + "from below `Guests`"),
            .init(
                "firmware", .file,
                "the firmware that starts an operating system from a disk, instead of a kernel: `u-boot`, `edk2`, or the file "
                    + "of another; see [guests.md](guests.md#firmware)", columns: ["none"]),
            .init("initrd", .file, "the file of its initial RAM disk", columns: ["none"]),
            .init(
                "format", .choice(GuestFormat.allCases.map(\.rawValue), default: GuestFormat.auto.rawValue),
                "the format of the kernel's file: {range}, see below"),
            .init(
                "command-line",
                .text(maximumBytes: MachineDescription.maximumCommandLine, default: anyMachine.commandLine),
                "the kernel's whole command line"),
            .init(
                "memory",
                .size(
                    MachineDescription.memoryGranule...BoardDescription.memorySizes.upperBound,
                    multipleOf: MachineDescription.memoryGranule, default: anyMachine.memory), "bytes of RAM"),
            .init("cpus", .number(MachineDescription.cpuCounts, default: anyMachine.cpus), "virtual CPUs"),
            .init(
                "priority", .number(TenantDescription.priorities, default: anyMachine.priority),
                "the priority: {range}; 31 is the most urgent"),
            .init("core", core, "the core of the first virtual CPU; the others follow round-robin"),
            .init(
                "on-reset", .choice(["restart", "stop"], default: "restart"),
                "the effect of a reset: `restart` the machine in place, or `stop` it"),
            .init(
                "on-panic", .choice(["report", "restart"], default: "report"),
                "the effect of a panic of the guest: `report` writes a line on the machine's console, `restart` makes the panic a "
                    + "death of the machine; see [Panics and hangs](#panics-and-hangs)"),
            .init(
                "watchdog", .flag(default: false),
                "`true`: the machine has a watchdog, and dies when that expires; see [Panics and hangs](#panics-and-hangs)"
            ),
            .init("after", names, "names of machines and components that start before it", columns: ["none"]),
            .init(
                "device-tree", .file, "a file that is applied to the machine's device tree: see below",
                columns: ["none"]),
            .init(
                "monitor", .program(default: anyMachine.monitor),
                "`{target: NAME}`: the program of this repository that emulates the machine's devices"),
            .init(
                "event-peer", .tenantName,
                "the name of another machine that this one can wake: a store to 0x0B00_1000 raises interrupt 40 "
                    + "(edge-triggered) in its first virtual CPU, with no monitor on the path", columns: ["none"]),
            disks,
            .init(
                "restart", .part("restart"),
                "the restarts after the death of its monitor, or after a kill: see [Restarts](#restarts)",
                columns: ["see there"]
            ),
            criticality, accepted,
        ],
        rules: [
            (
                "dependentRequired",
                .object([("initrd", .array([.text("kernel")])), ("format", .array([.text("kernel")]))])
            ),
            (
                "not",
                .object([
                    (
                        "anyOf",
                        .array(
                            [.requires("kernel", "guest"), .requires("kernel", "flavour")]
                                + ["guest", "flavour", "kernel", "command-line"].map { .requires("firmware", $0) })
                    )
                ])
            ),
        ])

    static let component = ManifestPart(
        name: "component",
        keys: [
            .init(
                "target", .target,
                "a program of this repository: the name of a folder below `Components`, `Benchmarks/Programs` or "
                    + "`Tests/Programs`"),
            .init(
                "package", .folder,
                "the folder of a Swift package of your own, instead of `target`: see [components.md](components.md)"),
            .init(
                "memory",
                .size(
                    ComponentDescription.memorySizes, multipleOf: ComponentDescription.memoryGranule,
                    default: anyComponent.memory),
                "bytes of memory beyond the program's own, {range}: its allocations come out of them"),
            .init(
                "stack",
                .size(
                    ComponentDescription.stackSizes, multipleOf: ComponentDescription.memoryGranule,
                    default: anyComponent.stack),
                "bytes of its stack, {range}; if the component needs more, it faults, and root reports `stack overflow`"
            ),
            .init(
                "priority", .number(TenantDescription.priorities, default: anyComponent.priority),
                "the priority: {range}; 31 is the most urgent"),
            .init("core", core, "the core on which it runs"),
            .init(
                "budget", .duration(ComponentDescription.budgets),
                "the time that it may have in each `period`, {range} and at most the period; a component that has used "
                    + "it up is off the core until the period ends", columns: ["no limit"]),
            .init(
                "period", .duration(ComponentDescription.periods), "the length of a period, {range}; goes with `budget`"
            ),
            .init(
                "arguments", .list(of: .word, counts: 0...ComponentDescription.maximumArguments),
                "up to \(ComponentDescription.maximumArguments) numbers of 64 bits; the component defines their meaning",
                columns: ["none"]),
            .init(
                "uses", .mapping(to: .tenantName, maximum: ComponentDescription.maximumConnections),
                "the components that it may call: `{NAME: COMPONENT}`, {range}; NAME is the program's name for it, COMPONENT "
                    + "another component on the same core", columns: ["none"]),
            .init(
                "shared",
                .size(
                    ComponentDescription.sharedSizes, multipleOf: ComponentDescription.memoryGranule,
                    default: anyComponent.shared),
                "bytes of memory for rings that it shares with each component of `uses`, each apart from the others: {range}"
            ),
            .init(
                "paged", .part("paged"),
                "`{by: COMPONENT, file: PATH}`: a file of 1 byte to 64MiB that another component of the same core, with "
                    + "`target: Pager`, brings in page by page; the program finds it as the resource `file`, read-only. The pager's `memory` "
                    + "holds its frames, at most 64 pages, for up to 8 clients", columns: ["none"]),
            .init(
                "devices", .mapping(to: .text(), maximum: DeviceRequest.maximum),
                "devices of the board that it drives: `{NAME: NODE}`, {range}; NAME is the program's name for it, NODE a node of the "
                    + "board's device tree, such as `pl031` or `pl031@9010000`", columns: ["none"]),
            .init(
                "dma",
                .mapping(
                    to: .size(DMAMemoryDescription.sizes, multipleOf: Program.pageSize), maximum: DeviceRequest.maximum),
                "memory that these devices may access: `{NAME: SIZE}`, {range}, each a multiple of 4KiB up to 64MiB. Without an "
                    + "SMMU a device reaches all memory, so its driver is trusted with it", columns: ["none"]),
            disks,
            .init("after", names, "names of machines and components that start before it", columns: ["none"]),
            .init(
                "restart", .part("restart"), "the restarts after its death: see [Restarts](#restarts)",
                columns: ["see there"]),
            criticality, accepted,
        ],
        mayBeEmpty: false,
        rules: [
            ("oneOf", .array([.requires("target"), .requires("package")])),
            (
                "dependentRequired",
                .object([("budget", .array([.text("period")])), ("period", .array([.text("budget")]))])
            ),
        ])

    static let guest = ManifestPart(
        name: "guest",
        keys: [.init("debian", .part("debian"), "a whole Debian on the machine's disk `root`")],
        columns: [], mayBeEmpty: false, rules: [required("debian")])

    static let debian = ManifestPart(
        name: "debian",
        keys: [
            .init(
                "packages", .list(of: .text(), counts: 0...DebianSystem.maximumPackages, isUnique: true),
                "the names of packages of Debian that it has beside the base system", columns: ["none"])
        ])

    static let boardDisk = ManifestPart(
        name: "boardDisk",
        keys: [
            .init(
                "size",
                .size(
                    BoardDiskDescription.sizes, multipleOf: BoardDiskDescription.granule,
                    default: BoardDiskDescription.standardSize),
                "bytes, {range}; the file takes as much of the host's disk as was written. A file that exists grows to this size, and "
                    + "never shrinks; without `size` it stays as it is"),
            .init(
                "file", .newFile, "the file of the host that has the disk's contents; the first run makes it",
                columns: ["a file that the tool keeps for the system"]),
        ])

    static let diskTemplate = ManifestPart(
        name: "diskTemplate",
        keys: [
            .init(
                "image", .file, "the file with its contents: raw, qcow2 or vmdk", columns: ["none: the disk is empty"]),
            .init("size", diskSize, "bytes", columns: ["that of the image"]),
            .init("board-disk", .name, "the board's disk whose pool has it", columns: ["the first"]),
        ],
        mayBeEmpty: false, rules: [("anyOf", .array(["image", "size"].map(SchemaValue.requires)))])

    static let disk = ManifestPart(
        name: "disk",
        keys: [
            .init("size", diskSize, "bytes", columns: ["that of the image or the template"]),
            .init(
                "clone-of", .name,
                "the template, below the manifest's own `disks`, with its first contents; the clone shares "
                    + "them, and takes space for changes only", columns: ["none"]),
            .init(
                "image", .file,
                "the file with its first contents: raw, qcow2 or vmdk. Later changes of the file do not "
                    + "matter", columns: ["none"]),
            .init("read-only", .flag(default: false), "`true`: nobody can write to it"),
            .init("board-disk", .name, "the board's disk that has it", columns: ["the first"]),
            .init(
                "whole", .flag(default: false),
                "`true`: it is that whole disk of the board, without a pool; then it has no other user"),
            .init(
                "partition", .number(DiskDescription.partitions),
                "it is the partition of this number, {range}, of that disk of the board, which has a GPT",
                columns: ["none"]),
            .init(
                "checksums", .flag(default: false),
                "`true`: the pool keeps a checksum of the data, and reports an error for data that the device has changed"
            ),
        ],
        mayBeEmpty: false)

    private static let diskSize = ManifestKey.Kind.size(
        DiskDescription.sizes, multipleOf: DiskDescription.granule)

    private static let disks = ManifestKey(
        "disks", .mapping(from: .name, to: .part("disk"), maximum: DiskDescription.maximum),
        "a mapping from names to its disks, {range}: see [Disks](#disks)", columns: ["none"])

    static let paged = ManifestPart(
        name: "paged",
        keys: [
            .init("by", .tenantName, "the pager: a component of the same core"),
            .init("file", .file, "the file; read-only"),
        ],
        columns: [], rules: [required("by", "file")])

    static let sharedMemory = ManifestPart(
        name: "sharedMemory",
        keys: [
            .init("size", .size(SharedMemoryDescription.sizes, multipleOf: Program.pageSize), "bytes of memory"),
            .init(
                "between", .list(of: .tenantName, counts: 2...2, isUnique: true), "the names of both ends, in any order"
            ),
        ],
        columns: [], mayBeEmpty: false, rules: [required("size", "between")])

    static let restart = ManifestPart(
        name: "restart",
        keys: [
            .init(
                "limit", .number(RestartDescription.limits),
                "the number of restarts that `within` may hold, {range}; 0 allows none",
                columns: defaults { "\($0.limit)" }),
            .init(
                "within", .time, "a length of time, up to \(RestartDescription.times.upperBound)",
                columns: defaults { "`\($0.span)`" }),
            .init(
                "backoff", .time,
                "the delay of the first restart; each further one `within` that time waits twice as long",
                columns: defaults { "`\($0.backoff)`" }),
            .init(
                "backoff-limit", .time, "the longest delay of a restart", columns: defaults { "`\($0.backoffLimit)`" }),
            .init(
                "on-limit", .choice(["escalate", "stop"], default: "escalate"),
                "the effect of a death beyond the limit: `escalate`, or `stop`, after which it stays dead and nothing else happens",
                columns: defaults { _ in "`escalate`" }),
        ],
        columns: ["machine, component", "group"])

    static let group = ManifestPart(
        name: "group",
        keys: [
            .init(
                "members", .list(of: .tenantName, counts: 1...Int.max),
                "names of machines, components and groups; each belongs to one group at most"),
            .init("restart", .part("restart"), "as above", columns: ["as above"]),
            .init(
                "criticality", .choice(Criticality.allCases.map(\.name), default: Criticality.qm.name),
                "the criticality of those members that have none of their own: {range}; see [Criticality](#criticality)",
                columns: ["none"]),
            accepted,
        ],
        mayBeEmpty: false, rules: [required("members")])

    static let accept = ManifestPart(
        name: "accept",
        keys: [
            .init("from", .tenantName, "the machine, component or group that can do the harm"),
            .init(
                "effect", .choice(HarmEffect.checked.map(\.rawValue), default: HarmEffect.stall.rawValue),
                "the harm: {range}", columns: []),
            .init(
                "through", .text(),
                "the way that is accepted: the next part on the chain, or the word for a chain of one link (see below); "
                    + "without it all ways are"),
            .init("because", .text(), "the reason for which that is acceptable; not empty"),
        ],
        columns: [], mayBeEmpty: false, rules: [required("from", "effect", "because")])

    private static let criticality = ManifestKey(
        "criticality", .choice(Criticality.allCases.map(\.name), default: Criticality.qm.name),
        "its criticality: {range}; see [Criticality](#criticality)", columns: ["that of its group, else `QM`"])
    private static let accepted = ManifestKey(
        "accept", .list(of: .part("accept")),
        "the harm by less critical parts that it accepts: see [Criticality](#criticality)",
        columns: ["none"])

    /// A mapping that names a program of this repository.
    static let program = ManifestPart(
        name: "program", keys: [.init("target", .target, "a program of this repository")], columns: [],
        mayBeEmpty: false, rules: [required("target")])

    private static let core = ManifestKey.Kind.number(0...(BoardDescription.coreCounts.upperBound - 1), default: 0)
    private static let names = ManifestKey.Kind.list(of: .tenantName)

    private static func required(_ keys: String...) -> (keyword: String, value: SchemaValue) {
        ("required", .array(keys.map(SchemaValue.text)))
    }

    /// Returns the defaults of a tenant's policy and of a group's.
    private static func defaults(_ text: (RestartDescription) -> String) -> [String] {
        [text(.tenant), text(.group)]
    }
}
