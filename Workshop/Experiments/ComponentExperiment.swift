import Foundation
import SystemImage
import Tool

/// Experiment 6: the price of a component against a machine that does the same.
struct ComponentExperiment: Experiment {
    let name = "component"
    let number: Int? = 6
    let title = "a new interface, or the whole system: a control loop, a log and a store as component and as machine"
    let seconds = (quick: 30.0, whole: 120.0)

    let hypotheses = [
        Hypothesis.ratio(
            "A control loop takes hardly more lines as a component than as a program for Linux.",
            refutedIf: "the component has more than one and a half times as many lines.",
            ("lines.control.component", .entente), over: ("lines.control.linux", .entente), atMost: 1.5),
        Hypothesis.ratio(
            "A service with an interface of its own takes hardly more lines than a process behind a pipe.",
            refutedIf: "the store has more than one and a half times as many lines as a component.",
            ("lines.store.component", .entente), over: ("lines.store.linux", .entente), atMost: 1.5),
        Hypothesis.ratio(
            "The first component of a board runs after a thousandth of the instructions of a program in a machine.",
            refutedIf: "the start of the first component takes more than a thousandth of that of the program.",
            ("start.first-component", .entente), over: ("start.machine", .entente), atMost: 0.001),
        Hypothesis.ratio(
            "A component takes a hundredth of the memory of a Debian machine of 64 MiB at most.",
            refutedIf: "one more component takes more than a hundredth of the memory of one more such machine.",
            ("memory.component", .entente), over: ("memory.machine", .entente), atMost: 0.01),
        Hypothesis.ratio(
            "The worst wake-up of a component is a tenth of that of a real-time thread in a machine at most.",
            refutedIf: "the component's longest latency is more than a tenth of the thread's.",
            ("wake-up.component.max", .entente), over: ("wake-up.machine.max", .entente), atMost: 0.1),
        Hypothesis.ratio(
            "A line of a log costs a component half of what it costs processes of a machine at most.",
            refutedIf: "a call that appends a line takes more than half of the instructions of the pipe.",
            ("log.component", .entente), over: ("log.machine", .entente), atMost: 0.5),
    ]

    func measure(_ run: ExperimentRun) throws {
        run.measure(.entente) {
            try addLines(to: run)
            try addStartAndMemory(to: run)
            try addServices(to: run)
            try addWakeUps(to: run)
        }
    }

    private func add(
        _ name: String, _ value: Double, unit: String, _ measure: Figure.Measure, cpu: String? = ServiceBenchmark.cpu,
        to run: ExperimentRun
    ) {
        run.add(
            name, .entente, [value.rounded()], unit: unit, measure, cpu: cpu,
            software: cpu == nil ? ["entente"] : ["entente", "qemu", "linux"])
    }

    /// Adds the lines that somebody wrote for each task. Generated files, and the clients of services, do not count.
    private func addLines(to run: ExperimentRun) throws {
        func lines(_ paths: String...) throws -> Double {
            let counts = try paths.map { path in
                let place = run.workspace.root.appendingPathComponent(path)
                if let text = try? String(contentsOf: place, encoding: .utf8) { return SourceLines.count(in: text) }
                return try SourceLines.count(in: place) { $0.contains("+Generated") || $0 == "StoreRing.swift" }
            }
            return Double(counts.reduce(0, +))
        }
        let programs = "Benchmarks/ServicePrograms"
        for (name, count) in try [
            ("control.component", lines("Components/Control")),
            ("control.linux", lines("Guests/Linux/realtime.c", "Guests/Linux/histogram.h")),
            ("log.component", lines(programs + "/LineLog", programs + "/LogKeeper")),
            ("log.linux", lines("Guests/Linux/line_server.c", "Guests/Linux/servers.h")),
            ("store.component", lines("Components/Store/Logic", "Components/Store/Program")),
            ("store.linux", lines("Guests/Linux/item_server.c", "Guests/Linux/servers.h")),
        ] {
            add("lines.\(name)", count, unit: "lines", .count, cpu: nil, to: run)
        }
    }

    private func addStartAndMemory(to run: ExperimentRun) throws {
        let (one, many) = (1, 9)
        func crowd(_ count: Int, machines: Int = 0) -> ComponentCrowd {
            ComponentCrowd(workspace: run.workspace, count: count, machines: machines)
        }
        let starts = (try crowd(one).start(), try crowd(many).start())
        add("start.first-component", starts.0, unit: "instructions", .instructions, to: run)
        let each = (starts.1 - starts.0) / Double(many - one)
        add("start.component", each, unit: "instructions", .instructions, to: run)
        let memory = (try crowd(one).memory(), try crowd(many).memory())
        add("memory.component", (memory.1 - memory.0) / Double(many - one), unit: "KiB", .count, to: run)
        let withMachines = (try crowd(one, machines: 1).memory(), try crowd(one, machines: 2).memory())
        add("memory.first-machine", withMachines.0 - memory.0, unit: "KiB", .count, to: run)
        add("memory.machine", withMachines.1 - withMachines.0, unit: "KiB", .count, to: run)
    }

    /// Adds the costs of the services, and the start of a machine, which the same run counts.
    private func addServices(to run: ExperimentRun) throws {
        let benchmark = ServiceBenchmark(workspace: run.workspace, count: run.isQuick ? 256 : 4096)
        for (kind, results) in [
            ("component", try benchmark.components()), ("machine", try benchmark.processes(isBare: false)),
        ] {
            for (name, task) in [("log", "log.append"), ("store", "call.get")] {
                guard let result = results.first(where: { $0.task.name == task }) else {
                    throw Failure("no \(task) of a \(kind) was measured")
                }
                add("\(name).\(kind)", result.cost.total, unit: "instructions", .instructions, to: run)
            }
            // The start of a component is measured by a crowd of them.
            guard kind == "machine" else { continue }
            guard let start = results.first(where: { $0.task.name == "start" })?.executedBefore else {
                throw Failure("the start of a machine was not measured")
            }
            add("start.machine", Double(start), unit: "instructions", .instructions, to: run)
        }
    }

    private func addWakeUps(to run: ExperimentRun) throws {
        let benchmark = RealtimeBenchmark(workspace: run.workspace, periods: run.isQuick ? 200 : 10_000)
        let result = try benchmark.run(timeout: .seconds(1800))
        for (kind, report) in [("component", result.control), ("machine", result.linux)] {
            for figure in ["p50", "p99", "max"] {
                guard let value = report.figures[figure] else { throw Failure("no latency of a \(kind) was measured") }
                let name = "wake-up.\(kind).\(figure == "p50" ? "median" : figure)"
                add(name, value, unit: "ns", .virtualTime, cpu: "cortex-a57", to: run)
            }
        }
    }
}
