import ABI
import Foundation
import SystemImage

/// A system that is ready to boot.
struct BuiltSystem {
    var manifest: Manifest
    /// The file that QEMU boots.
    var image: URL
    /// The kernel's ELF file.
    var kernel: URL
    var channels: [Channel]
    /// The size in bytes of the RAM of all machines. `machineFiles` is the size of the files in the image from which
    /// they start.
    var machineMemory: UInt64
    var machineFiles: UInt64
}

/// Makes a system from its manifest: builds the programs, gets the guests, and joins all parts in one image.
struct SystemBuilder {
    let workspace: Workspace
    let manifest: Manifest
    /// The random bytes of the machines' device trees in the image.
    var seed = MachineDeviceTree.Seed.random
    /// True if the machines get other random bytes at each start. Runs that are compared do without.
    var renewsSeeds = true
    /// The size of the terminal at which the system will run.
    var terminal: TerminalSize?
    /// Changes the program of the tenant with this name before it goes into the image.
    var change: (String, Program) throws -> Program = { $1 }
    /// The place of the image, if it is that of a run.
    var imageOfRun: URL?

    private static let kernel = "Kernel"

    func build() throws -> BuiltSystem {
        let (files, writer) = try parts()
        let image = try Progress.step("Joining the image of '\(manifest.name)'") {
            let name = "\(manifest.name)-\(manifest.file.pathKey).img"
            let image = imageOfRun ?? workspace.systems.appendingPathComponent(name)
            try workspace.make(image.deletingLastPathComponent())
            try writer.write().writeWhole(to: image)
            return image
        }
        let channels = channels(kernel: files.kernel, root: files.root, driver: files.driver, tenants: files.tenants)
        return BuiltSystem(
            manifest: manifest, image: image, kernel: files.kernel, channels: channels,
            machineMemory: writer.machineMemory,
            machineFiles: writer.machineFiles)
    }

    /// The plan of the system as it will boot, with all programs built and all guests there.
    func plan() throws -> Plan { try writer().plan() }

    /// Returns the writer of the system's image, with all programs and guests.
    func writer() throws -> SystemImageWriter { try parts().writer }

    private struct Files {
        var kernel: URL
        var root: URL
        var driver: URL
        var tenants: [URL]
    }

    /// Builds all programs, gets all guests, and passes them to the writer of the image.
    private func parts() throws -> (files: Files, writer: SystemImageWriter) {
        let cross = CrossBuild(workspace: workspace)
        let files = Files(
            kernel: try cross.program(SystemBuilder.kernel, as: .kernel), root: try cross.program(manifest.root),
            driver: try cross.program(manifest.consoleDriver),
            tenants: try manifest.tenants.map { try programFile(of: $0, cross) })
        var driver = Tenant(manifest.consoleDriverRestart, program: try program(files.driver))
        driver.program = try change(driver.name, driver.program)
        let tenants = try zip(manifest.tenants, files.tenants).map {
            var tenant = try tenant($0, programFile: $1)
            tenant.program = try change(tenant.name, tenant.program)
            tenant.place = manifest.places[$0.name]
            return tenant
        }
        var writer = SystemImageWriter(
            kernel: try named(files.kernel) { try KernelImage(elf: Data(contentsOf: files.kernel)) },
            board: try board(),
            root: try program(files.root), tenants: [driver] + tenants)
        (writer.groups, writer.onFailure) = (manifest.groups, manifest.board.onFailure)
        (writer.sharedMemory, writer.disks) = (manifest.sharedMemory, manifest.disks)
        writer.memoryPlace = manifest.memoryPlace
        // A benchmark in root's place makes its own objects.
        writer.furtherRootSlots = manifest.root == Manifest.standardRoot ? 0 : 1000
        return (files, writer)
    }

    private func programFile(of tenant: TenantDescription, _ cross: CrossBuild) throws -> URL {
        switch tenant {
        case .machine(let machine): return try cross.program(machine.monitor)
        case .component(let component):
            return switch component.program {
            case .target(let name): try cross.program(name)
            case .package(let folder): try cross.program(ofPackage: folder)
            }
        }
    }

    private func tenant(_ description: TenantDescription, programFile: URL) throws -> Tenant {
        switch description {
        case .machine(let machine):
            let image = try named(manifest.file, machine.name) {
                try machine.image(
                    workspace: workspace, seed: seed, renewsSeeds: renewsSeeds, terminal: terminal)
            }
            return Tenant(machine, program: try program(programFile), image: image)
        case .component(let component):
            return try Tenant(component, program: program(programFile), devices: devices(of: component))
        }
    }

    private func program(_ file: URL) throws -> Program {
        try named(file) { try Program(elf: Data(contentsOf: file)) }
    }

    /// Adds the name of a file to the failures of `body`, because functions that read binaries do not know the file.
    private func named<Result>(_ file: URL, _ part: String? = nil, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as Failure {
            let name = ([file.path] + [part].compactMap(\.self)).joined(separator: ": ")
            throw error.about(name)
        }
    }

    // MARK: The board

    private func devices(of component: ComponentDescription) throws -> [DeviceDescription] {
        guard !component.devices.isEmpty else { return [] }
        let (tree, board) = (try boardTree(), try board())
        return try component.devices.map { request in
            try named(manifest.file, component.name) {
                try board.device(request, deviceTree: tree) { try Subprocess("fdtget", $0).text() }
            }
        }
    }

    private func board() throws -> Board {
        let tree = try boardTree()
        return try named(tree) { try Board(deviceTree: tree) { try Subprocess("fdtget", $0).text() } }
    }

    private func boardTree() throws -> URL {
        try workspace.make(workspace.boards)
        let emulator = Emulator(manifest.board)
        let tree = workspace.boards.appendingPathComponent("\(emulator.boardName).dtb")
        if !FileManager.default.fileExists(atPath: tree.path) {
            let part = workspace.boards.appendingPathComponent(".\(UUID().uuidString).dtb")
            defer { try? FileManager.default.removeItem(at: part) }
            try emulator.dumpDeviceTree(to: part)
            try Data(contentsOf: part).writeWhole(to: tree)
        }
        return tree
    }

    // MARK: Consoles

    private func channels(kernel: URL, root: URL, driver: URL, tenants: [URL]) -> [Channel] {
        var channels = [
            Channel(name: "kernel", kind: .kernel, number: ConsoleChannel.kernel, program: kernel),
            Channel(name: "root", kind: .root, number: ConsoleChannel.root, program: root),
            Channel(name: ConsoleDriver.name, kind: .component, number: ConsoleChannel.root + 1, program: driver),
        ]
        for (tenant, program) in zip(manifest.tenants, tenants) {
            let kind = if case .machine = tenant { Channel.Kind.machine } else { Channel.Kind.component }
            channels.append(Channel(name: tenant.name, kind: kind, number: UInt8(channels.count), program: program))
        }
        return channels
    }
}

extension Emulator {
    init(_ board: BoardDescription) {
        (cpu, cores, memory) = (board.cpu, board.cores, board.memory)
    }

    /// The name of the device tree's file, which tells boards with different hardware apart.
    var boardName: String { "virt-\(cpu)-\(cores)-\(memory >> 20)M" }
}
