import ArgumentParser
import Foundation
import SystemImage

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measures the system on the emulator, in instructions.",
        subcommands: [BenchPrimitivesCommand.self, BenchEfficiencyCommand.self, BenchMemoryCommand.self,
            BenchRealtimeCommand.self, BenchEntriesCommand.self,
        ])
}

struct BenchPrimitivesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "primitives",
        abstract: "Counts the instructions of each primitive operation.",
        discussion: """
            Boots the benchmark systems in Benchmarks/primitives one after the other, with deterministic time \
            (-icount shift=0): each instruction takes a nanosecond, and counters of cycles and time count instructions. \
            Rows are what machines and components print as 'bench: NAME VALUE'.
            """)

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(help: "CPU model of the board, instead of the manifests'.")
    var cpu: String?

    @Option(help: ArgumentHelp("End a system after this time.", valueName: "seconds"))
    var timeout = 300

    func run() throws {
        let benchmark = PrimitiveBenchmark(workspace: try Workspace.current(), cpu: cpu)
        let rows = try benchmark.rows(timeout: .seconds(timeout))
        print(try json ? BenchRow.json(rows) : BenchRow.table(rows))
    }
}

/// The systems in `Benchmarks/primitives`.
struct PrimitiveBenchmark {
    let workspace: Workspace
    /// CPU model of the board, instead of the manifests'.
    var cpu: String?

    /// The rows of all systems, which are booted one after the other.
    /// - Parameter timeout: for each system.
    func rows(timeout: Duration) throws -> [BenchRow] {
        let folder = workspace.root.appendingPathComponent("Benchmarks/primitives")
        let systems = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "yaml" }.sorted { $0.path < $1.path }
        return try systems.flatMap { system in
            let manifest = try Manifest.load(path: system.path, overriding: BoardOverrides(cpu: cpu))
            let plan = try BootPlan(manifest, workspace: workspace, options: EmulatorOptions.parse(["--icount"]))
            return try Progress.step("Measuring '\(manifest.name)'") {
                try BenchSession(session: plan.start(workspace: workspace), speakers: manifest.benchSpeakers)
                    .run(timeout: timeout)
            }
        }
    }
}

extension Manifest {
    /// Who measures, and says so in the end: tenants that are named for it; without a tenant the root program, which has
    /// only the kernel's console.
    fileprivate var benchSpeakers: [String] {
        tenants.isEmpty ? ["kernel"] : tenants.map(\.name).filter { $0.hasPrefix("bench") }
    }
}

/// One figure.
struct BenchRow: Codable, Equatable {
    var name: String
    var value: Double
    var unit = "instructions"

    init(_ name: String, _ value: Double, unit: String = "instructions") {
        (self.name, self.value, self.unit) = (name, value, unit)
    }

    /// The row in a line `bench: NAME VALUE`, which may have a stamp in front.
    init?(line: String) {
        guard let words = BenchRow.words(of: line), words.count == 2, let value = Double(words[1]), value.isFinite else { return nil }
        (name, self.value) = (String(words[0]), value)
    }

    static func isEnd(line: String) -> Bool { words(of: line)?.elementsEqual(["end"]) ?? false }

    private static func words(of line: String) -> [Substring]? {
        // The last one: the console itself may bear that name.
        line.ranges(of: "bench: ").last.map { line[$0.upperBound...].split(whereSeparator: \.isWhitespace) }
    }

    static func json(_ rows: [BenchRow]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return String(decoding: try encoder.encode(rows), as: UTF8.self)
    }

    static func table(_ rows: [BenchRow]) -> String {
        let width = rows.map(\.name.count).max() ?? 0
        return rows.map { row in
            let value = String(format: row.unit == "ratio" ? "%12.4f" : "%12.1f", row.value)
            return row.name.padding(toLength: width + 2, withPad: " ", startingAt: 0) + value + " \(row.unit)"
        }.joined(separator: "\n")
    }
}

/// Listens to a benchmark system until everyone who measures has said that it is done.
struct BenchSession {
    let session: Session
    let speakers: [String]

    func run(timeout: Duration) throws -> [BenchRow] {
        defer { session.end() }
        let deadline = ContinuousClock.now + timeout
        var waited = Set(session.channels.filter { speakers.contains($0.name) }.map(\.number))
        var rows: [BenchRow] = []
        while !waited.isEmpty {
            guard ContinuousClock.now < deadline else { throw lacking(waited, "said 'bench: end' in time", ExitStatus.timeout) }
            for event in session.wait(timeout: deadline - .now) {
                switch event {
                case .line(let channel, let text):
                    Progress.say(text)
                    if let row = BenchRow(line: text) { rows.append(row) }
                    if BenchRow.isEnd(line: text) { waited.remove(channel) }
                case .ended: throw lacking(waited, "had said 'bench: end' when the board went off", 1)
                case .output, .readable: break
                }
            }
        }
        return rows
    }

    private func lacking(_ waited: Set<UInt8>, _ what: String, _ status: Int32) -> Failure {
        let names = session.channels.filter { waited.contains($0.number) }.map(\.name).joined(separator: ", ")
        return Failure("not all that measure \(what): \(names)", remedy: "look at the consoles' lines above", status: status)
    }
}
