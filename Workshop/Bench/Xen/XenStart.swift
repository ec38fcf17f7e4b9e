import Foundation
import SystemImage
import Tool

/// Counts the instructions from `xl create` to a guest's first instruction in user space, for the first and for the
/// last of several guests, and the memory that a guest takes.
struct XenStart {
    let workspace: Workspace
    /// The number of guests. All stay alive.
    var count = 8
    /// The RAM of a guest in MiB.
    var memory = 64
    var timeout = Duration.seconds(900)

    func rows() throws -> [BenchRow] {
        let program = try LinuxWorkload(workspace: workspace, name: "xen", parts: ["output", "copy.S"]).build()
        let domains = (1...count).map { number in
            XenDomain(
                name: "d\(number)", memory: memory, files: ["measure": program], directArguments: "first")
        }
        let mark = try LinuxWorkload(workspace: workspace, name: "mark").build()
        let (lines, counts) = try Progress.step("Counting the start of \(count) guests of Xen") {
            try XenCounts.counted(
                on: XenBoard(workspace: workspace), script: script, domains: domains, files: ["mark": mark],
                timeout: timeout)
        }
        guard counts.count == count, let first = counts.first, let last = counts.last else {
            throw Failure("\(counts.count) of \(count) guests of Xen have started: \(lines)")
        }
        let free = Self.values(in: lines, behind: "free: "), available = Self.values(in: lines, behind: "dom0: ")
        guard free.count == 2, available.count == 2 else { throw Failure("xl does not tell the free memory: \(lines)") }
        let taken = (free[0] - free[1]) * 1024 / Double(count)
        return first.rows("xen.domain-start.first") + last.rows("xen.domain-start.last") + [
            BenchRow("xen.domain-start.count", Double(count), unit: "guests"),
            BenchRow("xen.domain.memory", taken, unit: "KiB"),
            BenchRow("xen.domain.memory.own", Double(memory << 10), unit: "KiB"),
            BenchRow("xen.domain.memory.dom0", (available[0] - available[1]) / Double(count), unit: "KiB"),
        ]
    }

    /// Measures the costs below the first guest: the instructions of the board until the first domain can start it, and
    /// the memory in KiB that Xen and the first domain have.
    func host() throws -> (instructions: Double, memory: Double) {
        let folder = workspace.state.appendingPathComponent("xen-host-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let output = folder.appendingPathComponent("count")
        let mark = try LinuxWorkload(workspace: workspace, name: "mark").build()
        var board = XenBoard(workspace: workspace)
        board.arguments += try InstructionRecord.arguments(workspace: workspace, file: output)
        let script = """
            /mark begin
            /mark end
            echo "total: $(xl info total_memory)"
            echo "free: $(xl info free_memory)"

            """
        let lines = try Progress.step("Starting Xen's first domain") {
            try board.run(script: script, domains: [], files: ["mark": mark], timeout: timeout).lines
        }
        guard let start = try InstructionRecord(file: output).start,
            let total = Self.values(in: lines, behind: "total: ").first,
            let free = Self.values(in: lines, behind: "free: ").first
        else { throw Failure("Xen does not tell its start or its memory: \(lines)") }
        return (Double(start), (total - free) * 1024)
    }

    private var script: String {
        let memory = """
            echo "free: $(xl info free_memory)"
            echo "dom0: $(awk '/MemAvailable/ {print $2}' /proc/meminfo)"
            """
        return """
            sync; echo 3 >/proc/sys/vm/drop_caches
            \(memory)
            for number in $(seq \(count)); do
                /mark begin
                xl create -q /xen/d$number.cfg
                sleep 5
            done
            sync; echo 3 >/proc/sys/vm/drop_caches
            \(memory)

            """
    }

    static func values(in lines: [String], behind mark: String) -> [Double] {
        lines.compactMap { line in
            line.hasPrefix(mark) ? Double(line.dropFirst(mark.count).trimmingCharacters(in: .whitespaces)) : nil
        }
    }
}
