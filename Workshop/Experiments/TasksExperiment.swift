import Foundation
import SystemImage
import Tool

/// Experiment 4: eight tasks of every monitor and every microkernel, and the primitives that each system spends on
/// them.
struct TasksExperiment: Experiment {
    let name = "tasks"
    let number: Int? = 4
    let title = "core primitives: eight tasks, and what each system spends on them"
    let seconds = (quick: 15.0, whole: 40.0)

    let hypotheses = [
        Hypothesis(
            claim: "A kernel for machines and components needs no more instructions for a task than the better of its "
                + "peers.",
            refutation: "In one of the eight tasks, another system's figure in the table is smaller than Entente's."
        ) { result in TasksExperiment.verdict(result) }
    ]

    /// A task, as the sum of rows of `bench primitives`. A row counts several times if the task needs it so often, and
    /// by half if it measures a way there and back.
    private static let entente: [(task: String, rows: [(name: String, times: Double)])] = [
        ("start-component", [("component.create", 1)]),
        ("start-thread", [("thread.create", 1)]),
        ("share-page", [("capability.copy", 1), ("memory.map.4k", 1)]),
        ("send-event", [("signal.no-waiter", 1)]),
        ("wake-by-event", [("signal.waiter-round-trip", 1)]),
        ("page-fault", [("fault.round-trip", 1)]),
        ("page-fault-with-page", [("fault.page-in", 1)]),
        ("deliver-interrupt", [("interrupt.inject", 1)]),
        ("move-64-words", [("ipc.call-reply.64w", 1)]),
        ("unmap-page", [("memory.unmap.4k", 1)]),
        ("lend-page", [("delegate.page", 1), ("revoke.page", 1)]),
        ("revoke-page", [("revoke.page", 1)]),
        ("move-4KiB", [("transfer.lease.4096", 1)]),
        ("switch-domains", [("ipc.call-reply.0w", 0.5)]),
    ]

    /// A task, as one row of Xen's primitives. Only the instructions inside Xen count, because a kernel in a domain
    /// makes these hypercalls without the system call that a process of dom0 needs.
    private static let xen = [
        (task: "send-event", row: "xen.event.send.Xen"), (task: "wake-by-event", row: "xen.event.round-trip.Xen"),
        (task: "lend-page", row: "xen.grant.map-unmap.1.Xen"), (task: "move-4KiB", row: "xen.grant.copy.1.Xen"),
    ]

    /// A task, as one row of KVM's primitives. A monitor is a process, so that its system call is part of the task.
    private static let kvm = [
        (task: "send-event", row: "kvm.event.send"), (task: "wake-by-event", row: "kvm.event.round-trip"),
        (task: "page-fault-with-page", row: "kvm.fault.page-in"),
        (task: "deliver-interrupt", row: "kvm.interrupt.inject"), (task: "lend-page", row: "kvm.memory.lend"),
        (task: "revoke-page", row: "kvm.memory.revoke"), (task: "move-4KiB", row: "kvm.copy.4096"),
        (task: "switch-domains", row: "kvm.switch"),
    ]

    func measure(_ run: ExperimentRun) throws {
        run.measure(.entente) {
            let rows = try run.primitives() + run.transfers()
            let values = Dictionary(rows.map { ($0.name, $0.value) }) { $1 }
            for (task, parts) in Self.entente {
                let sum = try parts.reduce(0) { sum, part in
                    guard let value = values[part.name] else { throw Failure("no row \(part.name) was measured") }
                    return sum + part.times * value
                }
                run.add("task.\(task)", .entente, [sum], cpu: "cortex-a57", software: ["entente", "qemu"])
            }
            run.add(
                "task.start-machine", .entente, [try startOfMachine(run).rounded()], cpu: "neoverse-n1",
                software: ["entente", "qemu"])
        }
        // Each of the others boots a whole Debian first, which a quick run has no time for.
        guard !run.isQuick else { return }
        run.measure(.kvm) { try add(Self.kvm, in: run.primitivesOfKVM(), of: .kvm, to: run) }
        run.measure(.xen) { try add(Self.xen, in: run.primitivesOfXen(), of: .xen, to: run) }
    }

    private func add(
        _ tasks: [(task: String, row: String)], in rows: [BenchRow], of subject: Subject, to run: ExperimentRun
    ) throws {
        for (task, row) in tasks {
            guard let value = rows.first(where: { $0.name == row })?.value else {
                throw Failure("no row \(row) was measured")
            }
            run.add(
                "task.\(task)", subject, [value.rounded()], cpu: "neoverse-n1",
                software: ReplicaFigures.software(of: subject))
        }
    }

    /// The instructions by which a board with one more machine takes longer until the guest of its last machine, which
    /// has no operating system, has printed a line.
    private func startOfMachine(_ run: ExperimentRun) throws -> Double {
        func last(_ count: Int) throws -> Double {
            let rows = try MemoryBenchmark(workspace: run.workspace, timeout: .seconds(600))
                .rows(of: MachineCrowd(count: count, kind: .small))
            guard let row = rows.first(where: { $0.name == "machines.\(count).last" }) else {
                throw Failure("the start of \(count) machines was not counted")
            }
            return row.value
        }
        return (try last(5) - last(1)) / 4
    }

    private static func verdict(_ result: ExperimentResult) -> Hypothesis.Verdict {
        let tasks = Set(result.figures.filter { $0.subject == .entente }.map(\.name))
        let others = result.figures.filter { tasks.contains($0.name) && $0.subject != .entente }
        guard !tasks.isEmpty, !others.isEmpty else { return .open }
        func quotient(_ figure: Figure) -> Double { figure.value / (result[figure.name, .entente]?.value ?? 1) }
        guard let worst = others.min(by: { quotient($0) < quotient($1) }), quotient(worst) < 1 else {
            return .holds("\(others.count) figures of others, none is smaller")
        }
        return .refuted(
            "\(worst.name) of \(worst.subject.title): \(Figure.text(worst.value)), "
                + "\(Figure.text(result[worst.name, .entente]?.value ?? 0)) here")
    }
}
