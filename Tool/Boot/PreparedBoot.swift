import Foundation
import SystemImage

/// Everything that the tool needs to start a system on the emulator.
package struct PreparedBoot {
    /// The files that only this run writes.
    package let files: RunFiles
    /// The files of the board's disks, or nil if the board has none.
    package let disks: DiskFiles?
    package var arguments: [String]
    package var channels: [Channel]
    var framing: ConsoleFraming
    /// The size in bytes of the RAM of its machines. `machineFiles` is the size of the files in the image from which
    /// they start.
    package var machineMemory: UInt64 = 0
    package var machineFiles: UInt64 = 0
    /// The machines that can write to disks, which write their files before the board goes off.
    private var diskMachines: Set<String> = []

    /// Prepares the system on Entente, and builds the parts that are not built yet.
    ///
    /// - Parameters:
    ///   - entries: counts entries into the kernel; by default the counter that the environment asks for.
    ///   - keepsFiles: true to leave the image in the place of `build`, from which the caller boots it later.
    ///   - change: changes the program of the tenant with this name before it goes into the image.
    package init(
        _ manifest: Manifest, workspace: Workspace, options: BootOptions, entries: EntryCounter? = nil,
        keepsFiles: Bool = false, changingPrograms change: @escaping (String, Program) throws -> Program = { $1 }
    ) throws {
        files = try RunFiles(manifest.name, workspace: workspace)
        // A second run of the system must not build anything before it is refused.
        disks = try DiskFiles.needed(by: manifest, workspace: workspace, folder: options.disks)
        var manifest = manifest
        if let disks { manifest.adaptDisks(toSizes: try disks.sizes) }
        var builder = SystemBuilder(workspace: workspace, manifest: manifest)
        if options.countsInstructions {
            (builder.seed, builder.renewsSeeds) = (.fixed, false)
        } else {
            builder.terminal = TerminalMode.size
        }
        builder.change = change
        builder.imageOfRun = keepsFiles ? nil : files.image
        let system = try builder.build()
        if let disks {
            try PoolPreparation(disks: manifest.disks) { debian in
                let disk = DebianDisk(workspace: workspace, system: debian)
                try disk.prepare()
                return disk.image
            }.prepare(disks)
        }
        arguments = Emulator(manifest.board, options).arguments(
            boot: ["-kernel", system.image.path] + (disks?.arguments ?? []))
        if let counter = entries ?? EntryCounter.requested(in: workspace) {
            arguments += try counter.arguments(kernel: system.kernel)
        }
        channels = system.channels
        if let disks, channels[named: DiskTenant.control] != nil { try OpenDisks(disks).write(to: files.disks) }
        framing = .multiplexed
        // A board that waits for a debugger may be stopped.
        if !options.waitsForDebugger {
            diskMachines = Set(manifest.machines.filter(\.mayHaveUnwrittenFiles).map(\.name))
        }
        (machineMemory, machineFiles) = (system.machineMemory, system.machineFiles)
    }

    /// Prepares one machine of the system on the bare board, with QEMU's own loader and devices and the machine's own
    /// device tree, so that only the kernel below the machine makes the difference in a comparison.
    ///
    /// - Parameter hasVirtualization: true for a Linux that starts at EL2, so that it can be a host of KVM. It gets the
    ///   device tree of the board, because it calls PSCI in another way.
    package init(
        bare machine: MachineDescription, of manifest: Manifest, workspace: Workspace, options: BootOptions,
        keepsFiles: Bool = false, hasVirtualization: Bool = false
    ) throws {
        let slots = try machine.bareDisks()
        disks =
            slots.isEmpty ? nil : try DiskFiles.needed(by: manifest, workspace: workspace, folder: options.disks)
        let guest = try GuestFiles(of: machine, workspace: workspace)
        let tree = try machine.deviceTree(
            initrd: nil, seed: options.countsInstructions ? .fixed : .random,
            terminal: options.countsInstructions ? nil : TerminalMode.size
        ).compiled(workspace: workspace)
        files = try RunFiles("\(manifest.name).bare", workspace: workspace)
        let kept = workspace.systems.appendingPathComponent(
            "\(manifest.name)-\(machine.name)-\(manifest.file.pathKey).bare.dtb")
        if keepsFiles { try workspace.make(workspace.systems) }
        let treeFile = keepsFiles ? kept : files.image
        try tree.writeWhole(to: treeFile)

        var emulator = Emulator(manifest.board, options)
        emulator.hasVirtualization = hasVirtualization
        (emulator.cores, emulator.memory) = (machine.cpus, machine.memory)
        var boot =
            guest.isFirmware
            ? ["-bios", guest.kernel.path] : ["-kernel", guest.kernel.path, "-append", machine.commandLine]
        if !hasVirtualization { boot += ["-dtb", treeFile.path] }
        if let initrd = guest.initrd { boot += ["-initrd", initrd.path] }
        if let disks { boot += disks.arguments(slots: slots) }
        arguments = emulator.arguments(boot: boot)
        channels = [Channel(name: machine.name, kind: .machine, number: 0, program: nil)]
        framing = .single(0)
    }

    /// The command that runs QEMU in this way, as a person can paste it into a shell. All consoles share its one line.
    var commandLine: String { ([Emulator.program] + arguments).map(\.quotedForShell).joined(separator: " ") }

    package func start(workspace: Workspace) throws -> Session {
        try Session(
            arguments: arguments, channels: channels, framing: framing, files: files, disks: disks,
            diskMachines: diskMachines)
    }
}

/// The options of QEMU that do not come from the manifest.
package struct BootOptions {
    /// True if virtual time follows the instructions, one nanosecond each, so that two runs are equal.
    package var countsInstructions = false
    package var waitsForDebugger = false
    package var extraArguments: [String] = []
    /// The folder of the board's disks for which the manifest names no file, in the place of the system's own.
    package var disks: URL?

    package init(countsInstructions: Bool = false, waitsForDebugger: Bool = false, extraArguments: [String] = []) {
        self.countsInstructions = countsInstructions
        self.waitsForDebugger = waitsForDebugger
        self.extraArguments = extraArguments
    }

    /// The options for benchmarks, which compare runs.
    package static let deterministic = BootOptions(countsInstructions: true)
}

extension Emulator {
    init(_ board: BoardDescription, _ options: BootOptions) {
        self.init(board)
        countsInstructions = options.countsInstructions
        waitsForDebugger = options.waitsForDebugger
        extraArguments = options.extraArguments
    }
}
