import Foundation
import SystemImage
import Tool

/// Experiment 10: how much of a kernel must be written anew for another architecture?
struct PortabilityExperiment: Experiment {
    let name = "portability"
    let number: Int? = 10
    let title = "portability: lines for an architecture against portable lines"
    let seconds = (quick: 1.0, whole: 1.0)

    let hypotheses = [
        Hypothesis.ratio(
            "A port of this kernel is a smaller part of it than a port of a hypervisor that grew up on one "
                + "architecture.",
            refutedIf: "The share of lines for AArch64 is greater in Entente's kernel than in Xen's.",
            ("kernel.share.aarch64", .entente), over: ("kernel.share.aarch64", .xen), atMost: 1),
        Hypothesis.ratio(
            "Most of the kernel is portable.",
            refutedIf: "Entente's kernel has more lines for AArch64 than portable ones.",
            ("kernel.lines.aarch64", .entente), over: ("kernel.lines.portable", .entente), atMost: 1),
    ]

    /// The folders of a system beside its kernel: what components import, and what runs in them.
    private static let userFolders = ["Kit", "Machines", "Services", "Components"]
    /// Folders of devices that only machines of one architecture have, although their code would build anywhere.
    private static let devices = [
        "Machines/VirtualPlatform/InterruptController", "Machines/VirtualPlatform/Instructions",
    ]

    func measure(_ run: ExperimentRun) throws {
        run.measure(.entente) {
            let root = run.workspace.root
            func lines(_ folder: String, _ counts: (String) -> Bool) throws -> Int {
                try SourceLines.count(in: root.appendingPathComponent(folder)) { !counts("\(folder)/\($0)") }
            }
            func add(_ part: String, _ folders: [String]) throws {
                let specific = try folders.reduce(0) { $0 + (try lines($1, Self.isSpecific)) }
                let portable = try folders.reduce(0) { $0 + (try lines($1) { !Self.isSpecific($0) }) }
                for (name, value) in [("aarch64", specific), ("portable", portable)] {
                    run.add(
                        "\(part).lines.\(name)", .entente, [Double(value)], unit: "lines", .count,
                        software: ["entente"])
                }
                run.add(
                    "\(part).share.aarch64", .entente, [100 * Double(specific) / Double(specific + portable)],
                    unit: "%", .count, software: ["entente"])
            }
            try add("kernel", ["Kernel/Core", "Kernel/AArch64"])
            try add("user", Self.userFolders)
        }
    }

    /// Returns true if a source is for one architecture.
    static func isSpecific(_ path: String) -> Bool {
        path.split(separator: "/").contains("AArch64") || devices.contains { path.hasPrefix($0 + "/") }
    }
}
