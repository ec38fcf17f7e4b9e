import Foundation
import SystemImage
import Tool

/// Counts the instructions of exits and interrupts of a guest of KVM. The guest is the program that measures the same
/// operations in a machine of Entente (`Guests/Bench/BenchGuest`).
struct KVMPrimitives {
    let workspace: Workspace
    var timeout = Duration.seconds(600)

    private static let guest = "bench"

    func rows() throws -> [BenchRow] {
        let file = workspace.root.appendingPathComponent("Benchmarks/systems/primitives/1-exits.yaml")
        let manifest = try Manifest.load(path: file.path)
        guard let machine = manifest.machines.first else { throw Failure("the manifest has no machine") }
        var host = KVMHost(
            workspace: workspace, guests: [try KVMGuest(Self.guest, like: machine, workspace: workspace)],
            script: "begin \(Self.guest)\nawait \(Self.guest)")
        // The guest has no operating system, and cannot turn itself off.
        host.reaction = ("bench: end", "finish $1")
        var board = KVMBoard(host: host)
        board.timeout = timeout
        var rows: [BenchRow] = []
        var hasEnded = false
        try board.run("Measuring exits of a guest of KVM") { line, _ in
            guard case .guest(_, let text) = line else { return }
            Progress.say(text)
            if let row = BenchRow(line: text) { rows.append(row) }
            hasEnded = hasEnded || BenchRow.isEnd(line: text)
        }
        guard hasEnded, !rows.isEmpty else { throw Failure("the guest of KVM ended before it had measured all") }
        return rows
    }
}
