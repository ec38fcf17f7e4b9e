import Foundation
import SystemImage
import Tool

/// Counts the instructions of Xen's hypercalls, event channels and grants between a domain and the first domain.
struct XenPrimitives {
    let workspace: Workspace
    var timeout = Duration.seconds(600)

    private static let mark = "xen: "

    /// The operations that `Guests/Linux/xen.c` measures in the first domain, with the number of turns.
    static let operations: [(name: String, turns: Int)] = [
        ("empty", 1000), ("getppid", 1000), ("ioctl.refused", 1000), ("hypercall.version", 1000), ("event.send", 1000),
        ("event.round-trip", 1000), ("grant.map-unmap.1", 1000), ("grant.map-unmap.16", 100),
        ("grant.map-unmap.256", 16), ("grant.copy.1", 1000), ("grant.copy.16", 100), ("grant.copy.256", 16),
        ("mapped.copy.1", 1000), ("mapped.copy.16", 100), ("mapped.copy.256", 16),
    ]

    func rows() throws -> [BenchRow] {
        let program = try LinuxWorkload(workspace: workspace, name: "xen", parts: ["output", "copy.S"]).build()
        let domain = XenDomain(name: "offerer", script: "/offer offer", files: ["offer": program])
        let (lines, counts) = try Progress.step("Counting Xen's hypercalls, events and grants") {
            try XenCounts.counted(
                on: XenBoard(workspace: workspace), script: Self.script, domains: [domain],
                files: ["measure-xen": program], timeout: timeout)
        }
        guard counts.count == Self.operations.count else {
            throw Failure("\(counts.count) of \(Self.operations.count) operations of Xen were counted: \(lines)")
        }
        let times = Self.figures(in: lines)
        let own = times.filter { ["grant.page", "grant.end"].contains($0.name) }
            .map { BenchRow("xen.\($0.name)", $0.value) }
        return own + zip(Self.operations, counts).flatMap { $1.rows("xen.\($0.name)", count: $0.turns) }
            + times.map { BenchRow("xen.\($0.name).time", $0.value, unit: "ns") }
    }

    private static let script = """
        start offerer &
        until show offerer 2>/dev/null | grep -q 'xen: offer'; do usleep 100000; done
        show offerer | tr -d '\\r' | grep '^\(mark)'
        set -- $(show offerer | tr -d '\\r' | sed -n 's/^xen: offer //p')
        /measure-xen measure $(xl domid offerer) $1 $2
        xl destroy offerer

        """

    /// Returns the figures of lines `xen: NAME VALUE`.
    static func figures(in lines: [String]) -> [WorkloadRun.Figure] {
        lines.flatMap { WorkloadRun.pairs(in: $0, behind: mark) }.filter { !$0.name.isEmpty && $0.name != "offer" }
    }
}
