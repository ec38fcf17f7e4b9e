import ArgumentParser
import DiskPool
import Foundation
import SystemImage

/// Works on the disks of a system that does not run (`./entente disk`).
struct DiskCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disk",
        abstract: "Works on the disks of a system while it does not run: lists, makes, copies, snapshots, checks.",
        discussion: """
            The disk 'root' of machine 'web' has the name 'web.root'. A snapshot 'before' of it has the name \
            'web.root@before'. docs/manifest.md, "Disks", says where the disks are.
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

    /// Opens the pools of the system. No run can use them meanwhile.
    ///
    /// - Parameter isMaking: true to make pools that do not exist yet.
    func pools(in workspace: Workspace, making isMaking: Bool = false) throws -> SystemPools {
        let manifest = try workspace.manifest(at: system, askingForCriticality: false)
        if let boardDisk, !manifest.disks.board.contains(where: { $0.name == boardDisk }) {
            throw Failure(
                "the board of '\(manifest.name)' has no disk '\(boardDisk)'",
                remedy: "choose from \(manifest.disks.board.map(\.name).joined(separator: ", "))")
        }
        return try SystemPools(
            of: manifest, workspace: workspace, folder: disks.map { URL(fileURLWithPath: $0) }, only: boardDisk,
            making: isMaking)
    }
}

struct DiskListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the disks and snapshots of a system, with their sizes.")

    @OptionGroup var options: PoolOptions

    func run() throws {
        for pool in try options.pools(in: Workspace.current()).pools { print(pool.listing, terminator: "") }
    }
}

struct DiskShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows what is known of a disk or snapshot.")

    @OptionGroup var options: PoolOptions
    @Argument(help: ArgumentHelp("The disk or snapshot, such as 'web.root'.", valueName: "disk")) var name: String

    func run() throws {
        let pools = try options.pools(in: Workspace.current())
        print(try pools.pool(of: name).description(of: name), terminator: "")
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
        for pool in try options.pools(in: Workspace.current()).pools {
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
        let pool = try options.pools(in: Workspace.current(), making: true).first()
        _ = try pool.create(name, bytes: size.bytes, hasChecksums: checksums)
        try pool.commit()
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
        let pool = try options.pools(in: Workspace.current(), making: true).first()
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
        let pools = try options.pools(in: Workspace.current())
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
        let pool = try options.pools(in: Workspace.current()).pool(of: disk)
        try pool.perform(.snapshot(try pool.poolName("\(disk)@\(name)")), on: disk)
        try pool.commit()
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
        let pool = try options.pools(in: Workspace.current()).pool(of: source)
        try pool.perform(.clone(DiskOptions(name: try pool.poolName(name), sectors: 0)), on: source)
        try pool.commit()
    }
}

struct DiskDeleteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Deletes a disk or snapshot, and gives its space back.",
        discussion: "The next run makes a disk of the manifest anew.")

    @OptionGroup var options: PoolOptions
    @Argument(help: ArgumentHelp("The disk or snapshot.", valueName: "disk")) var name: String

    func run() throws {
        let pool = try options.pools(in: Workspace.current()).pool(of: name)
        try pool.perform(.delete, on: name)
        try pool.commit()
    }
}

struct DiskGrowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "grow", abstract: "Enlarges a disk.")

    @OptionGroup var options: PoolOptions
    @Argument(help: ArgumentHelp("The disk.", valueName: "disk")) var name: String
    @Argument(help: ArgumentHelp("Its new size, such as 4GiB.", valueName: "size")) var size: DiskSize

    func run() throws {
        let pool = try options.pools(in: Workspace.current()).pool(of: name)
        try pool.perform(.grow(size.bytes / 512), on: name)
        try pool.commit()
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
