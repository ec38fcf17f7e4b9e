import Foundation
import SystemImage
import Tool

/// Experiment 5: one service behind a call, behind a ring, and as a part of a machine.
struct ServiceExperiment: Experiment {
    let name = "service"
    let number: Int? = 5
    let title = "synchronous or asynchronous: a store behind a call, a ring, and in a machine"
    let seconds = (quick: 22.0, whole: 45.0)

    /// The sizes of the batches.
    static let batches = [1, 2, 4, 8, 16, 32, 64, 128, 256]

    let hypotheses = [
        Hypothesis.ratio(
            "A ring takes fewer instructions than calls as soon as it carries eight requests at once.",
            refutedIf: "a request in a batch of eight takes more instructions than a call that asks the same.",
            ("component.ring.has.8", .entente), over: ("component.call.has", .entente), atMost: 1),
        Hypothesis.ratio(
            "Rings spare the kernel: with sixteen requests at once it executes a fifth of the instructions at most.",
            refutedIf: "the kernel's share of a request in a batch of sixteen is more than a fifth of that of a call.",
            ("kernel.component.ring.has.16", .entente), over: ("kernel.component.call.has", .entente), atMost: 0.2),
        Hypothesis.ratio(
            "Batches are paid for in latency: the first of 256 items comes after the time of a hundred calls or more.",
            refutedIf: "a hundred calls take longer than the first answer of a batch of 256.",
            ("component.call.get", .entente), over: ("latency.component.ring.get.256", .entente), atMost: 0.01),
        Hypothesis.ratio(
            "A service that another program must serve costs a component half as much as a process at most.",
            refutedIf: "a call for an item takes more than half of the instructions of the same between processes.",
            ("component.call.get", .entente), over: ("machine.call.get", .native), atMost: 0.5),
        Hypothesis.ratio(
            "A component reads its disk with half of the instructions of a machine at most.",
            refutedIf: "the component's read takes more than half of the machine's.",
            ("component.disk.read", .entente), over: ("machine.disk.read1", .entente), atMost: 0.5),
        Hypothesis.ratio(
            "Machines win if the work stays inside: a read from Linux's page cache takes less than a call for an item.",
            refutedIf: "a cached read in a machine takes more instructions than a call to the store.",
            ("machine.cache.get", .entente), over: ("component.call.get", .entente), atMost: 1),
    ]

    func measure(_ run: ExperimentRun) throws {
        let benchmark = ServiceBenchmark(workspace: run.workspace, count: run.isQuick ? 512 : 4096)
        run.measure(.entente) {
            try addComponents(of: benchmark, to: run)
            try addProcesses(of: benchmark, .entente, to: run)
            try addDisk(.whole, .entente, to: run)
        }
        run.measure(.native) {
            try addProcesses(of: benchmark, .native, to: run)
            try addDisk(.native, .native, to: run)
        }
        // A quick run has no time to boot Xen's first domain.
        if !run.isQuick { run.measure(.xen) { try addDiskOfXen(to: run) } }
        addRates(to: run)
        addCrossings(to: run)
    }

    private func add(
        _ name: String, _ subject: Subject, _ value: Double, to run: ExperimentRun, software: [String] = []
    ) {
        run.add(name, subject, [value], cpu: ServiceBenchmark.cpu, software: ["entente", "qemu"] + software)
    }

    private func addComponents(of benchmark: ServiceBenchmark, to run: ExperimentRun) throws {
        for result in try benchmark.components() {
            let task = "component.\(result.task.name)"
            add(task, .entente, result.cost.total, to: run)
            add("kernel." + task, .entente, result.cost["Kernel"], to: run)
            if let latency = result.task.latency { add("latency." + task, .entente, latency, to: run) }
        }
    }

    /// Adds the processes of a machine, or of the same Linux on the bare board.
    private func addProcesses(of benchmark: ServiceBenchmark, _ subject: Subject, to run: ExperimentRun) throws {
        for result in try benchmark.processes(isBare: subject == .native) where result.task.name != "start" {
            add("machine.\(result.task.name)", subject, result.cost.total, to: run, software: ["linux"])
        }
    }

    private func addDisk(_ system: RequestBenchmark.Subject, _ subject: Subject, to run: ExperimentRun) throws {
        let count = run.isQuick ? 256 : 2048
        let benchmark = RequestBenchmark(workspace: run.workspace, count: count, timeout: .seconds(900))
        let tasks = ["read1", "write1", "read32", "write32"]
        let (records, parts) = try benchmark.records(of: system, tasks: tasks)
        for (task, record) in zip(tasks, records) {
            let cost = RequestCost(record, parts: parts, requests: count)
            add("machine.disk.\(task)", subject, cost.total, to: run, software: ["linux"])
            if subject == .entente { add("kernel.machine.disk.\(task)", subject, cost["Kernel"], to: run) }
        }
    }

    /// Adds the requests of the split disk of a guest of Xen, whose back-end is in the first domain.
    private func addDiskOfXen(to run: ExperimentRun) throws {
        let rows = try run.requestsOfXen()
        for task in ["read1", "write1", "read32", "write32"] {
            guard let row = rows.first(where: { $0.name == "xen.disk.request.\(task)" }) else {
                throw Failure("no \(task) was measured on Xen")
            }
            run.add(
                "machine.disk.\(task)", .xen, [row.value.rounded()], cpu: XenBoard.cpu,
                software: ReplicaFigures.software(of: .xen))
        }
    }

    /// The ways to move an item of 4 KiB, whose rates are shown.
    private static let moves =
        ["component.call.get", "component.call.put", "component.disk.read"]
        + [1, 8, 64, 256].flatMap { ["component.ring.get.\($0)", "component.ring.put.\($0)"] }
        + ["call.get", "call.put", "cache.get", "disk.read1", "disk.write1", "disk.read32", "disk.write32"].map {
            "machine.\($0)"
        }

    /// Adds how many items of 4 KiB a million instructions move.
    private func addRates(to run: ExperimentRun) {
        for figure in run.figures where Self.moves.contains(figure.name) && figure.value > 0 {
            run.add(
                "rate.\(figure.name)", figure.subject, [(1e7 / figure.value).rounded() / 10],
                unit: "requests per million instructions", .instructions, cpu: figure.cpu,
                software: figure.software ?? [])
        }
    }

    /// Adds the points at which one way begins to take less than another. A point that does not exist has no figure.
    private func addCrossings(to run: ExperimentRun) {
        let values = Dictionary(
            run.figures.filter { $0.subject == .entente }.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        func point(_ name: String, _ value: Double?, _ unit: String) {
            guard let value else { return }
            run.add("crossing." + name, .entente, [value], unit: unit, .count, software: ["entente", "qemu", "linux"])
        }
        for task in ["has", "get", "put"] {
            for part in ["", "kernel."] {
                guard let limit = values["\(part)component.call.\(task)"] else { continue }
                let costs = Dictionary(
                    uniqueKeysWithValues: Self.batches.compactMap { size in
                        values["\(part)component.ring.\(task).\(size)"].map { (size, $0) }
                    })
                let batch = CrossingPoint.batch(costs, below: limit).map(Double.init)
                point("\(part)ring-below-call.\(task)", batch, "requests in a batch")
            }
        }
        guard let hit = values["machine.cache.get"], let miss = values["machine.disk.read1"] else { return }
        for (name, other) in [("disk", "component.disk.read"), ("store", "component.call.get")] {
            let share = values[other].flatMap { CrossingPoint.hits(hit: hit, miss: miss, constant: $0) }
            point("cache-hits-below-component-\(name)", share.map { ($0 * 1000).rounded() / 10 }, "% hits")
        }
    }
}
