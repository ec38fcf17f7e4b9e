import ABI
import Foundation
import SystemImage
import Tool

/// Experiment 2: how much must every program on the board trust, and how much of it does a request use?
struct KernelSizeExperiment: Experiment {
    let name = "kernel"
    let number: Int? = 2
    let title = "minimal kernel: lines, objects, operations, attack surface, privileged instructions (Liedtke)"
    let seconds = (quick: 8.0, whole: 35.0)

    let hypotheses = [
        Hypothesis.ratio(
            "A kernel that is a monitor for machines at the same time is smaller than a microkernel that has grown "
                + "support for machines.",
            refutedIf: "Entente's kernel has more lines of code than seL4 in hypervisor mode.",
            ("lines.kernel", .entente), over: ("lines.kernel", .seL4MCS), atMost: 1),
        Hypothesis.ratio(
            "Components and machines need no more entries into the kernel than a microkernel has calls and methods.",
            refutedIf: "Entente has more entry points than seL4 has system calls and methods.",
            ("surface.entry-points", .entente), over: ("surface.entry-points", .seL4MCS), atMost: 1),
    ]

    func measure(_ run: ExperimentRun) throws {
        run.measure(.entente) {
            try addLines(to: run)
            addSurface(to: run)
            try addText(to: run)
            try addPrivilegedInstructions(to: run)
        }
        // A quick run has no time to boot KVM's host or Xen's first domain.
        guard !run.isQuick else { return }
        run.measure(.kvm) { try addRequestsOfKVM(to: run) }
        run.measure(.xen) { try addRequestsOfXen(to: run) }
    }

    private func count(_ run: ExperimentRun, _ name: String, _ value: Int, _ unit: String) {
        run.add(name, .entente, [Double(value)], unit: unit, .count, software: ["entente"])
    }

    private func addLines(to run: ExperimentRun) throws {
        func lines(_ folder: String) throws -> Int {
            try SourceLines.count(in: run.workspace.root.appendingPathComponent(folder))
        }
        count(run, "lines.kernel", try lines("Kernel/Core") + lines("Kernel/AArch64"), "lines")
        count(run, "lines.abi", try lines("Kit/ABI"), "lines")
        count(run, "lines.root", try lines("Components/Root"), "lines")
        count(run, "lines.monitor", try lines("Components/Monitor") + lines("Machines/VirtualPlatform"), "lines")
    }

    private func addSurface(to run: ExperimentRun) {
        let entries = AttackSurface.entryPoints
        count(run, "surface.operations", AttackSurface.forms.count, "operations")
        count(run, "surface.entry-points", entries, "entry points")
        count(run, "surface.argument-words", entries * AttackSurface.argumentWords, "words")
        let kinds = (UInt8(1)..<64).count { ObjectKind(rawValue: $0) != nil }
        count(run, "surface.object-kinds", kinds, "kinds")
    }

    private func addText(to run: ExperimentRun) throws {
        let kernel = try CrossBuild(workspace: run.workspace).program("Kernel", as: .kernel)
        let sections = try Subprocess("readelf", ["-SW", kernel.path]).text()
        guard let text = sections.firstMatch(of: /\s\.text\s+PROGBITS\s+\S+\s+\S+\s+([0-9a-f]+)/),
            let size = Double("0x" + text.1)
        else { throw Failure("the kernel's image has no .text section") }
        run.add(
            "text.kernel", .entente, [(size / 1024 * 10).rounded() / 10], unit: "KiB", .count, software: ["entente"])
    }

    /// The kernel's share of a request of 4 KiB to a whole disk.
    private func addPrivilegedInstructions(to run: ExperimentRun) throws {
        let benchmark = RequestBenchmark(
            workspace: run.workspace, count: run.isQuick ? 100 : 1000, timeout: .seconds(900))
        let (records, parts) = try benchmark.records(of: .whole, tasks: ["read1"])
        guard let record = records.first else { throw Failure("no request was counted") }
        let cost = RequestCost(record, parts: parts, requests: run.isQuick ? 100 : 1000)
        for (name, value) in [("privileged.disk-read", cost["Kernel"]), ("whole.disk-read", cost.total)] {
            run.add(name, .entente, [value.rounded()], cpu: "neoverse-n1", software: ["entente", "qemu", "linux"])
        }
    }

    /// The share of the host's kernel in the same request of a guest of KVM.
    private func addRequestsOfKVM(to run: ExperimentRun) throws {
        run.note(version: try KVMHost.emulatorVersion(in: run.workspace), of: "debian-qemu")
        guard let cost = try KVMRequests(workspace: run.workspace).costs(of: ["read1"]).first else { return }
        for (name, value) in [("privileged.disk-read", cost.kernel), ("whole.disk-read", cost.total)] {
            run.add(
                name, .kvm, [value.rounded()], cpu: "neoverse-n1", software: ReplicaFigures.software(of: .kvm))
        }
    }

    /// Xen's share of the same request of a domain to its split disk, whose back-end is in the first domain.
    private func addRequestsOfXen(to run: ExperimentRun) throws {
        let rows = try run.requestsOfXen()
        for (name, row) in [
            ("privileged.disk-read", "xen.disk.request.read1.Xen"), ("whole.disk-read", "xen.disk.request.read1"),
        ] {
            guard let value = rows.first(where: { $0.name == row })?.value else {
                throw Failure("no row \(row) was measured")
            }
            run.add(name, .xen, [value.rounded()], cpu: XenBoard.cpu, software: ReplicaFigures.software(of: .xen))
        }
    }
}
