import ArgumentParser
import Foundation
import SystemImage

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Boots a system on QEMU and attaches to a machine's console.",
        discussion: """
            At the console, Ctrl-A X leaves and Ctrl-A ? lists the other keys. At the end, machines with disks write \
            their files first. The output of each console is kept in .entente/logs/SYSTEM/NAME.log; of a second run at \
            the same time in SYSTEM.2, and so on. The disks of the board are in .entente/disks/SYSTEM, where they stay.

            With --exec, the machine's shell runs one command: its output, and nothing else, goes to standard output, \
            and its exit status becomes that of the tool. The command's standard input is empty. Other exit statuses: \
            124 when the time is over, 255 when the board goes off before the command has ended.
            """)

    @OptionGroup var system: SystemOptions
    @OptionGroup var emulator: EmulatorOptions

    @Option(
        name: .customLong("exec"), help: ArgumentHelp("Run one command in the machine's shell.", valueName: "command")
    )
    var command: String?

    @Option(help: ArgumentHelp("The machine to attach to, instead of the first.", valueName: "name"))
    var machine: String?

    @Option(help: ArgumentHelp("The console to attach to: of root, of a component, of a machine.", valueName: "name"))
    var console: String?

    @Option(help: ArgumentHelp("End after this time; with --exec, the default is 120.", valueName: "seconds"))
    var timeout: Int?

    @Option(help: ArgumentHelp("End with success as soon as a line of any console holds this text.", valueName: "text"))
    var until: String?

    @Flag(help: "Boot the machine on the bare board, without Entente, for comparisons.")
    var bare = false

    @Flag(help: "Build the system, print the command line of QEMU for this run, and do not run it.")
    var printCommand = false

    func validate() throws {
        if let timeout, timeout < 1 { throw ValidationError("--timeout needs at least 1 second") }
        if let until, until.isEmpty {
            throw ValidationError("--until needs a text, because an empty one would match every line")
        }
        if console != nil, machine != nil || command != nil || bare {
            throw ValidationError("--console already names the console; leave out --machine, --exec and --bare with it")
        }
        if until != nil, command != nil {
            throw ValidationError("--until and --exec both define the end of the run; give only one of them")
        }
    }

    func run() throws {
        let workspace = try Workspace.current()
        let manifest = try system.manifest(in: workspace)
        let boot =
            bare
            ? try PreparedBoot(
                bare: try machineDescription(of: manifest), of: manifest, workspace: workspace, options: emulator.boot,
                keepsFiles: printCommand)
            : try PreparedBoot(manifest, workspace: workspace, options: emulator.boot, keepsFiles: printCommand)
        if printCommand { return print(boot.commandLine) }
        let channel = try attachedChannel(among: boot.channels)
        Progress.say(
            "==> Booting '\(manifest.name)' on QEMU; the output of each console is kept in \(boot.files.logs.shortPath)"
        )
        let session = try boot.start(workspace: workspace)
        session.watchSilence(of: channel)
        let limit = timeout.map { Duration.seconds($0) }
        let status: Int32
        if let command {
            guard let channel else {
                throw Failure(
                    "the system '\(manifest.name)' has no machine that could run a command",
                    remedy: "add one to the manifest, or leave out --exec")
            }
            status = try CommandSession(session: session, machine: channel, command: RawArguments.bytes(of: command))
                .run(timeout: limit ?? .seconds(120))
        } else {
            status = try TerminalSession(session: session, attachTo: channel, until: until).run(timeout: limit)
        }
        throw ExitCode(status)
    }

    private func machineDescription(of manifest: Manifest) throws -> MachineDescription {
        guard
            let found = machine.map({ name in manifest.machines.first { $0.name == name } }) ?? manifest.machines.first
        else {
            throw noMachine(manifest.machines.map(\.name))
        }
        return found
    }

    private func attachedChannel(among channels: [Channel]) throws -> Channel? {
        if let console {
            guard let found = channels[named: console] else {
                throw Failure(
                    "the system has no console named '\(console)'",
                    remedy: "choose from: \(channels.map(\.name).joined(separator: ", "))")
            }
            return found
        }
        guard let machine else { return channels.machines.first }
        guard let found = channels.machines[named: machine] else { throw noMachine(channels.machines.map(\.name)) }
        return found
    }

    private func noMachine(_ names: [String]) -> Failure {
        Failure(
            "the system has no machine named '\(machine ?? "")'",
            remedy: names.isEmpty ? "add one to the manifest" : "choose from: \(names.joined(separator: ", "))")
    }
}

/// The options of QEMU.
struct EmulatorOptions: ParsableArguments {
    @Flag(
        help:
            "Let virtual time follow the instruction count, 1 ns each, and skip idle time. It is slower, but equal in each run."
    )
    var icount = false

    @Flag(help: "Wait for a debugger on TCP port 1234 (QEMU's -s -S).")
    var gdb = false

    @Option(
        name: .customLong("qemu-argument"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Pass an argument to QEMU; may be repeated.", valueName: "argument"))
    var extraArguments: [String] = []

    @Option(
        help: ArgumentHelp(
            "Keep the board's disks in this folder, except for those to which the manifest gives files.",
            valueName: "folder"), completion: .directory)
    var disks: String?

    var boot: BootOptions {
        var options = BootOptions(countsInstructions: icount, waitsForDebugger: gdb, extraArguments: extraArguments)
        options.disks = disks.map { URL(fileURLWithPath: $0) }
        return options
    }
}
