import ArgumentParser
import DiskOrders
import DiskPool
import Foundation
import SystemImage

/// Works on the disks of a system (`./entente disk`).
struct DiskCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disk",
        abstract: "Works on the disks of a system: lists, makes, copies, snapshots, clones, deletes, checks.",
        discussion: """
            The disk 'root' of machine 'web' has the name 'web.root'. A snapshot 'before' of it has the name \
            'web.root@before'. docs/manifest.md, "Disks", says where the disks are.

            While the system runs, its own storage component performs 'list', 'show', 'create', 'snapshot', 'clone', \
            'delete' and 'grow'. 'import', 'export' and 'check' need the system off.
            """,
        subcommands: [
            DiskListCommand.self, DiskShowCommand.self, DiskCheckCommand.self, DiskCreateCommand.self,
            DiskImportCommand.self, DiskExportCommand.self, DiskSnapshotCommand.self, DiskCloneCommand.self,
            DiskDeleteCommand.self, DiskGrowCommand.self,
        ])
}

/// The argument and the options that name the pools of a system.
struct PoolOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The system's manifest, or a folder with a 'system.yaml'.", valueName: "system"),
        completion: .file(extensions: ["yaml"]))
    var system: String

    @Option(
        help: ArgumentHelp(
            "The folder of the board's disks, as for 'run'.", valueName: "folder"), completion: .directory)
    var disks: String?

    @Option(
        help: ArgumentHelp(
            "Only the pool on this disk of the board. A new disk goes to the first one by default.", valueName: "name"))
    var boardDisk: String?

    /// Opens the pools of the system, or connects to the run that has them open.
    ///
    /// - Parameter isMaking: true to make pools that do not exist yet.
    func access(in workspace: Workspace, making isMaking: Bool = false) throws -> PoolAccess {
        let manifest = try checkedManifest(in: workspace)
        if let running = try RunningPools(of: manifest, workspace: workspace, folder: folder, only: boardDisk) {
            return .running(running)
        }
        return .files(try pools(of: manifest, workspace, making: isMaking))
    }

    /// Opens the pools of the system. No run can use them meanwhile.
    ///
    /// - Parameter work: the work for which the system must be off.
    func pools(in workspace: Workspace, for work: String, making isMaking: Bool = false) throws -> SystemPools {
        let manifest = try checkedManifest(in: workspace)
        let places = DiskFiles.places(of: manifest, workspace: workspace, folder: folder)
        if let (run, _) = try OpenDisks.ofRun(with: places, in: workspace) {
            throw Failure(
                "'\(work)' needs the system off, but the running system '\(run)' has its disks open",
                remedy: "end that run first; 'list', 'show', 'create', 'snapshot', 'clone', 'delete' and 'grow' work "
                    + "while it runs")
        }
        return try pools(of: manifest, workspace, making: isMaking)
    }

    private var folder: URL? { disks.map { URL(fileURLWithPath: $0) } }

    private func pools(of manifest: Manifest, _ workspace: Workspace, making isMaking: Bool) throws -> SystemPools {
        try SystemPools(of: manifest, workspace: workspace, folder: folder, only: boardDisk, making: isMaking)
    }

    private func checkedManifest(in workspace: Workspace) throws -> Manifest {
        let manifest = try workspace.manifest(at: system, askingForCriticality: false)
        if let boardDisk, !manifest.disks.board.contains(where: { $0.name == boardDisk }) {
            throw Failure(
                "the board of '\(manifest.name)' has no disk '\(boardDisk)'",
                remedy: "choose from \(manifest.disks.board.map(\.name).joined(separator: ", "))")
        }
        return manifest
    }
}

/// The way to the pools of a system.
enum PoolAccess {
    /// The system does not run, so the tool works on the files.
    case files(SystemPools)
    case running(RunningPools)

    var listings: [PoolListing] {
        get throws {
            switch self {
            case .files(let pools): pools.pools.map(\.listing)
            case .running(let pools): try pools.pools
            }
        }
    }

    func listing(of name: String) throws -> PoolListing {
        switch self {
        case .files(let pools): try pools.pool(of: name).listing
        case .running(let pools): try pools.pool(of: name)
        }
    }

    /// Performs an operation on a disk or snapshot, and makes it durable.
    func perform(_ verb: DiskOrder.Verb, on name: String) throws {
        switch self {
        case .running(let pools): try pools.perform(verb, on: name, in: try pools.pool(of: name))
        case .files(let pools):
            let pool = try pools.pool(of: name)
            try pool.perform(verb.operation, on: name)
            try pool.commit()
        }
    }
}

extension DiskOrder.Verb {
    /// The operation of the pool.
    fileprivate var operation: PoolRequest.Operation {
        switch self {
        case .hello, .list: .commit
        case .create(let name, let sectors, let hasChecksums):
            .create(options(name, sectors, hasChecksums))
        case .snapshot(let name, _): .snapshot(name)
        case .clone(let name, _): .clone(DiskOptions(name: name, sectors: 0))
        case .delete: .delete
        case .grow(_, let sectors): .grow(sectors)
        }
    }

    private func options(_ name: PoolName, _ sectors: UInt64, _ hasChecksums: Bool) -> DiskOptions {
        var options = DiskOptions(name: name, sectors: sectors)
        options.hasChecksums = hasChecksums
        return options
    }
}

struct DiskListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the disks and snapshots of a system, with their sizes.")

    @OptionGroup var options: PoolOptions

    func run() throws {
        for pool in try options.access(in: Workspace.current()).listings { print(pool.text, terminator: "") }
    }
}

struct DiskShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows what is known of a disk or snapshot.")

    @OptionGroup var options: PoolOptions
    @Argument(help: ArgumentHelp("The disk or snapshot, such as 'web.root'.", valueName: "disk")) var name: String

    func run() throws {
        print(try options.access(in: Workspace.current()).listing(of: name).description(of: name), terminator: "")
    }
}

struct DiskCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Verifies the structure of pools, and the data of disks with checksums.",
        discussion: "The status is 1 if something is at fault.")

    @OptionGroup var options: PoolOptions
    @Flag(help: "Correct what can be corrected without loss.") var repair = false

    func run() throws {
        var isSound = true
        for pool in try options.pools(in: Workspace.current(), for: "check").pools {
            let result = try pool.check(repairing: repair)
            print(result.text, terminator: "")
            isSound = isSound && result.isSound
        }
        if !isSound { throw ExitCode.failure }
    }
}

struct DiskCreateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "create", abstract: "Makes an empty disk in a pool.")

    @OptionGroup var options: PoolOptions
    @Argument(help: ArgumentHelp("The name of the new disk.", valueName: "name")) var name: String
    @Argument(help: ArgumentHelp("Its size, such as 2GiB.", valueName: "size")) var size: DiskSize
    @Flag(help: "Keep checksums of its data.") var checksums = false

    func run() throws {
        let newName = try PoolFile.newName(name)
        switch try options.access(in: Workspace.current(), making: true) {
        case .running(let pools):
            let order = DiskOrder.Verb.create(
                newName, sectors: size.bytes / UInt64(PoolLayout.sectorSize),
                hasChecksums: checksums)
            try pools.perform(order, on: name)
        case .files(let pools):
            let pool = try pools.first()
            _ = try pool.create(name, bytes: size.bytes, hasChecksums: checksums)
            try pool.commit()
        }
    }
}

struct DiskImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Makes a disk with the contents of an image: raw, qcow2 or vmdk.")

    @OptionGroup var options: PoolOptions
    @Argument(help: ArgumentHelp("The file of the image.", valueName: "file"), completion: .file()) var file: String
    @Argument(help: ArgumentHelp("The name of the new disk.", valueName: "name")) var name: String
    @Option(help: ArgumentHelp("Its size, instead of the image's.", valueName: "size")) var size: DiskSize?
    @Flag(help: "Keep checksums of its data.") var checksums = false

    func run() throws {
        _ = try PoolFile.newName(name)
        let pool = try options.pools(in: Workspace.current(), for: "import", making: true).first()
        if pool.index(of: name) != nil { throw PoolError.exists.failure("'\(name)'") }
        try pool.importImage(URL(fileURLWithPath: file), as: name, bytes: size?.bytes, checksums)
        try pool.commit()
    }
}

struct DiskExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Copies a disk or snapshot into a file: raw, or .qcow2 or .vmdk by its name.")

    @OptionGroup var options: PoolOptions
    @Argument(help: ArgumentHelp("The disk or snapshot.", valueName: "disk")) var name: String
    @Argument(help: ArgumentHelp("The new file.", valueName: "file"), completion: .file()) var file: String

    func run() throws {
        let pools = try options.pools(in: Workspace.current(), for: "export")
        try pools.pool(of: name).export(name, to: URL(fileURLWithPath: file))
    }
}

struct DiskSnapshotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot", abstract: "Keeps the present contents of a disk as DISK@NAME, in constant time.")

    @OptionGroup var options: PoolOptions
    @Argument(help: ArgumentHelp("The disk.", valueName: "disk")) var disk: String
    @Argument(help: ArgumentHelp("The name of the snapshot.", valueName: "name")) var name: String

    func run() throws {
        let order = DiskOrder.Verb.snapshot(try PoolFile.newName("\(disk)@\(name)"), of: try PoolFile.poolName(disk))
        try options.access(in: Workspace.current()).perform(order, on: disk)
    }
}

struct DiskCloneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clone", abstract: "Makes a disk with the contents of another one or of a snapshot.",
        discussion: "It shares the contents, and takes space for changes only.")

    @OptionGroup var options: PoolOptions
    @Argument(help: ArgumentHelp("The disk or snapshot.", valueName: "source")) var source: String
    @Argument(help: ArgumentHelp("The name of the new disk.", valueName: "name")) var name: String

    func run() throws {
        let order = DiskOrder.Verb.clone(try PoolFile.newName(name), of: try PoolFile.poolName(source))
        try options.access(in: Workspace.current()).perform(order, on: source)
    }
}

struct DiskDeleteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Deletes a disk or snapshot, and gives its space back.",
        discussion: "The next run makes a disk of the manifest anew.")

    @OptionGroup var options: PoolOptions
    @Argument(help: ArgumentHelp("The disk or snapshot.", valueName: "disk")) var name: String

    func run() throws {
        try options.access(in: Workspace.current()).perform(.delete(try PoolFile.poolName(name)), on: name)
    }
}

struct DiskGrowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "grow", abstract: "Enlarges a disk.")

    @OptionGroup var options: PoolOptions
    @Argument(help: ArgumentHelp("The disk.", valueName: "disk")) var name: String
    @Argument(help: ArgumentHelp("Its new size, such as 4GiB.", valueName: "size")) var size: DiskSize

    func run() throws {
        let order = DiskOrder.Verb.grow(
            try PoolFile.poolName(name), sectors: size.bytes / UInt64(PoolLayout.sectorSize))
        try options.access(in: Workspace.current()).perform(order, on: name)
    }
}

/// The size of a disk on the command line.
struct DiskSize: ExpressibleByArgument {
    var bytes: UInt64

    init?(argument: String) {
        guard let size = ByteSize(argument), size.bytes > 0, size.bytes % 512 == 0 else { return nil }
        bytes = size.bytes
    }
}
