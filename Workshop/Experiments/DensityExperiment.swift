import Foundation
import SystemImage
import Tool

/// Experiment 12: what do the first and one more machine cost, in instructions and in memory?
struct DensityExperiment: Experiment {
    let name = "density"
    let number: Int? = 12
    let title = "density and start: instructions and memory of the first and of one more domain"
    let seconds = (quick: 30.0, whole: 110.0)

    /// The RAM of each machine, in KiB.
    private static let machineMemory = 65536.0
    /// The RAM of a machine without an operating system, in KiB.
    private static let smallMemory = 4096.0

    let hypotheses = [
        Hypothesis.ratio(
            "One more machine starts with less work on a microhypervisor than below a hosted monitor.",
            refutedIf: "The start of one more machine costs Entente's board more instructions than that of KVM.",
            ("start.further", .entente), over: ("start.further", .kvm), atMost: 1),
        Hypothesis.ratio(
            "The start of a machine is the start of its system: Entente adds at most a twentieth.",
            refutedIf: "The start of one more machine costs more than 1.05 times the instructions of the bare board.",
            ("start.further", .entente), over: ("start.first", .native), atMost: 1.05),
        Hypothesis.ratio(
            "A component is a hundred times cheaper to start than a machine with a whole system.",
            refutedIf: "One more component costs more than a hundredth of the instructions of one more machine.",
            ("start.component.further", .entente), over: ("start.further", .entente), atMost: 0.01),
        Hypothesis(
            claim: "One more machine takes its RAM, and at most 1 MiB beside it.",
            refutation: "Entente takes more than 1024 KiB beside the RAM for one more machine."
        ) { result in
            guard let memory = result["memory.further.beside", .entente] else { return .open }
            let text = "\(Figure.text(memory.value)) KiB, limit 1,024"
            return memory.value <= 1024 ? .holds(text) : .refuted(text)
        },
    ]

    func measure(_ run: ExperimentRun) throws {
        let count = run.isQuick ? 2 : 8
        run.measure(.native) {
            add(run, "start.first", .native, try MachineStart(workspace: run.workspace).instructions())
        }
        run.measure(.entente) {
            try measureMachines(run, count: count)
            try measureSmallTenants(run, count: run.isQuick ? 4 : 32)
        }
        run.measure(.kvm) { try measureKVM(run, count: count) }
        // The start of Xen's first domain takes longer than a quick form may.
        if !run.isQuick { run.measure(.xen) { try measureXen(run, count: count) } }
    }

    private func add(_ run: ExperimentRun, _ name: String, _ subject: Subject, _ value: Double) {
        let isMemory = name.hasPrefix("memory")
        run.add(
            name, subject, [value.rounded()], unit: isMemory ? "KiB" : "instructions",
            isMemory ? .count : .instructions, cpu: "neoverse-n1", software: ReplicaFigures.software(of: subject))
    }

    /// The machines start at once on one core. The cost of one more is the share of each machine behind the first one.
    private func measureMachines(_ run: ExperimentRun, count: Int) throws {
        let (one, all) = (try crowd(1, .debian, run), try crowd(count, .debian, run))
        let others = Double(count - 1)
        add(run, "start.first", .entente, one.instructions)
        add(run, "start.further", .entente, (all.instructions - one.instructions) / others)
        add(run, "memory.first", .entente, one.memory)
        let memory = (all.memory - one.memory) / others
        add(run, "memory.further", .entente, memory)
        add(run, "memory.further.beside", .entente, memory - Self.machineMemory)
    }

    /// Machines without an operating system, and components.
    private func measureSmallTenants(_ run: ExperimentRun, count: Int) throws {
        let others = Double(count - 1)
        let (one, all) = (try crowd(1, .small, run), try crowd(count, .small, run))
        add(run, "start.small.first", .entente, one.instructions)
        add(run, "start.small.further", .entente, (all.instructions - one.instructions) / others)
        add(run, "memory.small.further.beside", .entente, (all.memory - one.memory) / others - Self.smallMemory)
        func components(_ count: Int) -> ComponentCrowd {
            ComponentCrowd(workspace: run.workspace, count: count, timeout: .seconds(900))
        }
        let (first, last) = (try components(1).start(), try components(count).start())
        add(run, "start.component.first", .entente, first)
        add(run, "start.component.further", .entente, (last - first) / others)
        let memory = (try components(1).memory(), try components(count).memory())
        add(run, "memory.component.further", .entente, (memory.1 - memory.0) / others)
    }

    /// Starts so many machines.
    private func crowd(
        _ count: Int, _ kind: MachineCrowd.Kind, _ run: ExperimentRun
    ) throws -> (instructions: Double, memory: Double) {
        let benchmark = MemoryBenchmark(workspace: run.workspace, timeout: .seconds(1800))
        let rows = try benchmark.rows(of: MachineCrowd(count: count, kind: kind))
        func value(_ name: String) throws -> Double {
            guard let row = rows.first(where: { $0.name == name }) else { throw Failure("\(name) is missing") }
            return row.value
        }
        return (try value("machines.\(count).last"), try value("memory.total") - value("memory.free"))
    }

    /// The guests start one after the other, because that is how a host of KVM starts them.
    private func measureKVM(_ run: ExperimentRun, count: Int) throws {
        run.note(version: try KVMHost.emulatorVersion(in: run.workspace), of: "debian-qemu")
        let result = try KVMDensity(workspace: run.workspace, count: count, timeout: .seconds(1800)).measure()
        guard let first = result.starts.first else { return }
        let others = result.starts.dropFirst()
        func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(values.count, 1)) }
        let memory = mean(others.map(\.memory))
        add(run, "start.host", .kvm, result.hostInstructions)
        add(run, "start.first", .kvm, result.hostInstructions + first.instructions)
        add(run, "start.further", .kvm, mean(others.map(\.instructions)))
        add(run, "memory.host", .kvm, result.hostMemory)
        add(run, "memory.first", .kvm, result.hostMemory + first.memory)
        add(run, "memory.further", .kvm, memory)
        add(run, "memory.further.beside", .kvm, memory - Self.machineMemory)
        add(run, "memory.further.resident", .kvm, mean(others.map(\.resident)))
    }

    /// Guests of Xen start one after the other. Their start ends at the first instruction of Linux's first process.
    private func measureXen(_ run: ExperimentRun, count: Int) throws {
        defer { run.noteXen() }
        let benchmark = XenStart(
            workspace: run.workspace, count: count, memory: Int(Self.machineMemory) >> 10, timeout: .seconds(1800))
        let (rows, host) = (try benchmark.rows(), try benchmark.host())
        func value(_ name: String) throws -> Double {
            guard let row = rows.first(where: { $0.name.hasSuffix(name) }) else { throw Failure("\(name) is missing") }
            return row.value
        }
        let memory = try value("domain.memory") + value("domain.memory.dom0")
        add(run, "start.host", .xen, host.instructions)
        add(run, "start.first", .xen, host.instructions + (try value("domain-start.first")))
        add(run, "start.further", .xen, try value("domain-start.last"))
        add(run, "memory.host", .xen, host.memory)
        add(run, "memory.first", .xen, host.memory + memory)
        add(run, "memory.further", .xen, memory)
        add(run, "memory.further.beside", .xen, memory - Self.machineMemory)
    }
}
