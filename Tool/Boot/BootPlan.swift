import Foundation
import SystemImage

/// Everything that it takes to start a system on the emulator.
package struct BootPlan {
    /// The files that this run alone writes.
    package let files: RunFiles
    package var arguments: [String]
    package var channels: [Channel]
    var framing: ConsoleFraming
    /// Bytes of RAM of its machines, and of the files in the image that they start from.
    package var machineMemory: UInt64 = 0
    package var machineFiles: UInt64 = 0

    /// The system on Entente; builds what is not built yet.
    ///
    /// - Parameters:
    ///   - entries: Counts entries into the kernel; by default the counter that the environment asks for.
    ///   - keepsFiles: leaves the image where `build` does, for whoever boots it later.
    package init(
        _ manifest: Manifest, workspace: Workspace, options: BootOptions, entries: EntryCounter? = nil,
        keepsFiles: Bool = false
    ) throws {
        var builder = SystemBuilder(workspace: workspace, manifest: manifest)
        if options.countsInstructions { builder.seed = .fixed } else { builder.terminal = TerminalMode.size }
        files = try RunFiles(manifest.name, workspace: workspace)
        builder.imageOfRun = keepsFiles ? nil : files.image
        let system = try builder.build()
        arguments = Emulator(manifest.board, options).arguments(boot: ["-kernel", system.image.path])
        if let counter = entries ?? EntryCounter.requested(in: workspace) {
            arguments += try counter.arguments(kernel: system.kernel)
        }
        channels = system.channels
        framing = .multiplexed
        (machineMemory, machineFiles) = (system.machineMemory, system.machineFiles)
    }

    /// One machine of it, on the bare board: QEMU's own loader and devices, the machine's own device tree, so that a
    /// comparison compares nothing but the kernel below.
    package init(
        bare machine: MachineDescription, of manifest: Manifest, workspace: Workspace, options: BootOptions,
        keepsFiles: Bool = false
    ) throws {
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
        emulator.hasVirtualization = false
        (emulator.cores, emulator.memory) = (machine.cpus, machine.memory)
        var boot = ["-kernel", guest.kernel.path, "-dtb", treeFile.path, "-append", machine.commandLine]
        if let initrd = guest.initrd { boot += ["-initrd", initrd.path] }
        arguments = emulator.arguments(boot: boot)
        channels = [Channel(name: machine.name, kind: .machine, number: 0, program: nil)]
        framing = .single(0)
    }

    /// The command that runs QEMU so, as a person pastes it into a shell. Its consoles share the one line.
    var commandLine: String { ([Emulator.program] + arguments).map(\.quotedForShell).joined(separator: " ") }

    package func start(workspace: Workspace) throws -> Session {
        try Session(arguments: arguments, channels: channels, framing: framing, files: files)
    }
}

/// How QEMU runs a system, beside what the manifest says of the board.
package struct BootOptions {
    /// Virtual time follows the instructions, one nanosecond each, so that two runs are the same.
    package var countsInstructions = false
    package var waitsForDebugger = false
    package var extraArguments: [String] = []

    package init(countsInstructions: Bool = false, waitsForDebugger: Bool = false, extraArguments: [String] = []) {
        self.countsInstructions = countsInstructions
        self.waitsForDebugger = waitsForDebugger
        self.extraArguments = extraArguments
    }

    /// For benchmarks, which compare runs.
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
