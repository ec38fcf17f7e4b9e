import Foundation
import SystemImage
import Tool

/// Counts the instructions of primitives of KVM. Exits and interrupts of a guest are measured by the program that
/// measures them in a machine of Entente (`Guests/Bench/BenchGuest`), and the other operations by a small monitor
/// (`Guests/Linux/kvm.c`).
struct KVMPrimitives {
    let workspace: Workspace
    var timeout = Duration.seconds(600)

    /// The operations of the small monitor.
    static let operations = [
        "event.round-trip", "memory.revoke", "fault.page-in", "memory.lend", "switch", "copy.4096", "copy.alone.4096",
        "event.by-monitor", "event.bind", "event.send", "interrupt.inject",
    ]

    private static let (guest, program) = ("bench", "primitives")

    /// Returns the rows of the guest by their names, and those of the operations with a prefix `kvm.`.
    func rows() throws -> [BenchRow] {
        let folder = workspace.state.appendingPathComponent("kvm-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let counts = folder.appendingPathComponent("counts")
        var board = KVMBoard(host: try host())
        board.timeout = timeout
        var (rows, operations): ([BenchRow], [WorkloadRun.Figure]) = ([], [])
        var hasEnded = false
        try board.run(
            "Measuring primitives of KVM", arguments: InstructionRecord.arguments(workspace: workspace, file: counts)
        ) { line, _ in
            switch line {
            case .guest(_, let text):
                Progress.say(text)
                if let row = BenchRow(line: text) { rows.append(row) }
                hasEnded = hasEnded || BenchRow.isEnd(line: text)
            case .host(let text):
                Progress.say(text)
                operations += WorkloadRun.pairs(in: text, behind: "primitive: ")
            default: break
            }
        }
        guard hasEnded, !rows.isEmpty else { throw Failure("the guest of KVM ended before it had measured all") }
        return rows + (try Self.rows(of: operations, spans: InstructionRecord(file: counts).spans))
    }

    /// Returns the cost of an operation of each kind.
    ///
    /// - Parameters:
    ///   - operations: the number of operations of each kind, by the kind.
    ///   - spans: the instructions of all operations of a kind, in the same order.
    static func rows(of operations: [WorkloadRun.Figure], spans: [UInt64]) throws -> [BenchRow] {
        guard operations.map(\.name) == Self.operations, spans.count == operations.count else {
            throw Failure("\(operations.count) of \(Self.operations.count) operations of KVM were counted")
        }
        return zip(operations, spans).map { BenchRow("kvm.\($0.name)", (Double($1) / $0.value * 10).rounded() / 10) }
    }

    private func host() throws -> KVMHost {
        let file = workspace.root.appendingPathComponent("Benchmarks/systems/primitives/1-exits.yaml")
        guard let machine = try Manifest.load(path: file.path).machines.first else {
            throw Failure("the manifest has no machine")
        }
        var host = KVMHost(
            workspace: workspace, guests: [try KVMGuest(Self.guest, like: machine, workspace: workspace)],
            script: "begin \(Self.guest)\nawait \(Self.guest)\ntimeout -s KILL 100 \(Self.program)")
        // The guest has no operating system, and cannot turn itself off.
        host.reaction = ("bench: end", "finish $1")
        host.files["bin/\(Self.program)"] = try LinuxWorkload(
            workspace: workspace, name: "kvm", parts: ["output", "copy.S"]
        ).build()
        return host
    }
}
