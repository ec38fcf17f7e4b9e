import ArgumentParser
import Foundation
import SystemImage

struct BenchEntriesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "entries",
        abstract: "Counts the instructions of each entry into the kernel: all that time interrupts are off.",
        discussion: """
            Boots the systems of 'bench primitives', a Debian machine with its workload, two machines on one core and 'bench \
            realtime', with a plugin of QEMU that counts from the exception vector to the return. Entries that went through the \
            same functions are one row. With \(EntryCounter.variable)=FOLDER in the environment every other command leaves its \
            records in that folder, 'entente test' for example; --records shows them.
            """)

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(help: ArgumentHelp("Show the records in this folder instead.", valueName: "folder"))
    var records: String?

    @Option(help: "How many of the longest paths to show.")
    var top = 12

    func run() throws {
        let workspace = try Workspace.current()
        let folder = records.map { URL(fileURLWithPath: $0) } ?? workspace.state.appendingPathComponent("entries")
        if records == nil {
            try? FileManager.default.removeItem(at: folder)
            setenv(EntryCounter.variable, folder.path, 1)
            try EntryCampaign(workspace: workspace).run()
        }
        let found = try EntryRecords(folder: folder)
        guard !found.paths.isEmpty else {
            throw Failure("no entries are recorded in \(folder.path)", remedy: "run something with \(EntryCounter.variable) set")
        }
        let kernel = try CrossBuild(workspace: workspace).program("Kernel", as: .kernel)
        let symbols = try SymbolTable(elf: Data(contentsOf: kernel))
        print(try json ? BenchRow.json(found.rows) : found.text(symbols: symbols, top: top))
    }
}

/// What `bench entries` runs.
struct EntryCampaign {
    let workspace: Workspace

    func run() throws {
        _ = try PrimitiveBenchmark(workspace: workspace).rows(timeout: .seconds(600))
        try runWorkload()
        try runTwoMachines()
        _ = try RealtimeBenchmark(workspace: workspace, periods: 1000).run(timeout: .seconds(600))
    }

    private func runWorkload() throws {
        let manifest = try Manifest.load(path: workspace.root.appendingPathComponent("Benchmarks/efficiency/system.yaml").path)
        let machine = try LinuxWorkload(workspace: workspace).added(to: manifest.machines[0])
        _ = try WorkloadRunner(workspace: workspace, manifest: manifest, machine: machine, timeout: .seconds(600)).run("set")
    }

    /// Two machines boot on one core, and one of them restarts.
    private func runTwoMachines() throws {
        let file = workspace.root.appendingPathComponent("examples/two-machines/system.yaml")
        let manifest = try Manifest.load(path: file.path, overriding: BoardOverrides(cores: 1))
        let plan = try BootPlan(manifest, workspace: workspace, options: EmulatorOptions.parse(["--icount"]))
        guard let machine = plan.channels.machines.last else { return }
        try Progress.step("Booting '\(manifest.name)', and restarting '\(machine.name)'") {
            let session = try plan.start(workspace: workspace)
            defer { session.end() }
            let deadline = ContinuousClock.now + .seconds(300)
            var boots = 0
            while boots < 2, ContinuousClock.now < deadline {
                for case .line(machine.number, let text) in session.wait(timeout: deadline - .now)
                where text.contains("'poweroff' ends this machine") {
                    boots += 1
                    session.type("\nreboot -f\n".utf8, to: machine.number)
                }
            }
        }
    }
}

extension EntryRecords {
    init(folder: URL) throws {
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        for file in files where file.pathExtension == EntryCounter.suffix { try add(Data(contentsOf: file)) }
    }

    var rows: [BenchRow] {
        Kind.allCases.filter { count($0) > 0 }.flatMap { kind in
            [BenchRow("entries.\(kind).count", Double(count(kind)), unit: "entries"),
             BenchRow("entries.\(kind).longest", Double(longest(kind)))]
        } + [BenchRow("entries.longest-wait", Double(longestWait))]
    }

    func text(symbols: SymbolTable, top: Int) -> String {
        let kinds = Kind.allCases.filter { count($0) > 0 }
        var lines = kinds.map { kind in "\(kind.title): \(count(kind)) entries, the longest of \(longest(kind)) instructions" }
        lines.append("not counted there: waits for the kernel's lock, the longest of \(longestWait)")
        lines += ["", "entries of a length of"]
        for octave in 0..<32 {
            let sum = kinds.filter { $0 != .start }.reduce(UInt64(0)) { $0 + (octaves[$1]?[octave] ?? 0) }
            if sum > 0 { lines.append("  \(1 << octave) to \((2 << octave) - 1): \(sum)") }
        }
        lines += ["", "the longest paths"]
        for path in longestFirst.prefix(top) {
            lines.append(
                "  \(path.longest) instructions (\(path.kind.title), \(path.count) entries, mean \(path.total / path.count))")
            lines += path.parts.prefix(6).map { "      \($0.instructions) in \(Self.shortName(symbols.symbol(at: $0.function)))" }
        }
        return lines.joined(separator: "\n")
    }

    /// `Kernel.exchangeGuest` of a demangled name.
    static func shortName(_ name: String?) -> String {
        guard var text = name else { return "?" }
        // Private names are written "(exchangeGuest in _5441…)".
        text.replace(/\((\w+) in _[0-9A-F]+\)/) { String($0.1) }
        if text.contains("specialization <"), let start = text.range(of: "> of ", options: .backwards) {
            text = String(text[start.upperBound...])
        }
        text.replace(/^static |\(extension in \w+\):/, with: "")
        return text.prefix { $0 != "(" && $0 != "<" }.split(separator: ".").suffix(2).joined(separator: ".")
    }
}
