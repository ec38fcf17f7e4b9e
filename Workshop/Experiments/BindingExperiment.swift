import Foundation
import SystemImage
import Tool

/// Experiment 8: after how many uses has a binding paid for itself that is checked once (secure binding)?
struct BindingExperiment: Experiment {
    let name = "binding"
    let number: Int? = 8
    let title = "control and data path: checked operations against bound ones, and when a binding pays"
    let seconds = (quick: 8.0, whole: 45.0)

    let hypotheses = [
        Hypothesis.ratio(
            "A machine's doorbell that is bound costs less than half of one that its monitor serves.",
            refutedIf: "A store to a doorbell takes more than half of the instructions of an exit to the monitor.",
            ("bound.doorbell", .entente), over: ("checked.doorbell", .entente), atMost: 0.5),
        Hypothesis.ratio(
            "An interrupt that is bound to a virtual CPU costs less than half of one that its monitor raises.",
            refutedIf: "The bound interrupt takes more than half of the instructions.",
            ("bound.interrupt", .entente), over: ("checked.interrupt", .entente), atMost: 0.5),
        Hypothesis.ratio(
            "A window that is mapped once is cheaper than pages that are mapped and unmapped for each 4 KiB.",
            refutedIf: "A copy of 4 KiB into the window takes more instructions than to map a page and unmap it.",
            ("bound.window.4096", .entente), over: ("checked.window.4096", .entente), atMost: 1),
        Hypothesis(
            claim: "A ring with a window has paid for itself after at most 100 items of 4 KiB, against calls with a "
                + "lease.",
            refutation: "The ring has not paid for itself after 100 items, or never.", test: ringPays),
    ]

    /// - Returns: open without figures. A ring whose use costs no less than a call has no number of uses.
    @Sendable static func ringPays(_ result: ExperimentResult) -> Hypothesis.Verdict {
        guard let saving = result["saving.ring.4096", .entente] else { return .open }
        guard let uses = result["payback.ring.4096", .entente] else {
            return .refuted("never, because a use of the ring takes \(Figure.text(-saving.value)) instructions more")
        }
        let text = "\(Figure.text(uses.value)) uses"
        return uses.value <= 100 ? .holds(text) : .refuted(text)
    }

    func measure(_ run: ExperimentRun) throws {
        run.measure(.entente) {
            let rows = try run.bindings() + run.transfers()
            let comparisons = BindingExperiment.comparisons(of: rows)
            run.add(comparisons.flatMap(\.rows), of: .entente, cpu: "cortex-a57")
        }
        // Each of the others boots a whole Debian first, which a quick run has no time for.
        guard !run.isQuick else { return }
        run.measure(.kvm) {
            let comparisons = try BindingExperiment.comparisonsOfKVM(run.primitivesOfKVM())
            run.add(
                comparisons.flatMap(\.rows), of: .kvm,
                cpu: "neoverse-n1", software: ReplicaFigures.software(of: .kvm))
        }
        run.measure(.xen) {
            let rows = try XenTransfers.rows(of: run.primitivesOfXen())
            run.add(
                BindingExperiment.grants(of: rows).flatMap(\.rows), of: .xen, cpu: "neoverse-n1",
                software: ["xen", "linux", "qemu"])
        }
    }

    /// Grants that are mapped and unmapped for each use, against persistent ones, through which data is copied. The
    /// price of the binding has an unmapping in it, because both were measured together.
    static func grants(of rows: [BenchRow]) -> [Payback] {
        ["4096", "65536", "1048576"].compactMap { size in
            Payback(
                "grant.\(size)", in: rows, checked: ["grant.map-unmap.\(size)"], bound: "grant.mapped.\(size)",
                bind: ["grant.map-unmap.\(size)"])
        }
    }

    /// A doorbell that KVM turns into an event, against one that ends in the monitor, which signals. A page that is
    /// lent for each use, against a copy into memory that the machine has. The prices of the bindings have their ends
    /// in them, because both were measured together.
    static func comparisonsOfKVM(_ rows: [BenchRow]) throws -> [Payback] {
        let found = [
            Payback(
                "doorbell", in: rows, checked: ["kvm.event.by-monitor"], bound: "kvm.event.send",
                bind: ["kvm.event.bind"]),
            Payback(
                "window.4096", in: rows, checked: ["kvm.memory.lend"], bound: "kvm.copy.alone.4096",
                bind: ["kvm.memory.lend"]),
        ].compactMap { $0 }
        guard found.count == 2 else { throw Failure("not all operations of KVM were counted") }
        return found
    }

    /// The kinds of bindings, by the rows of the programs `Bindings` and `Transfers`.
    static func comparisons(of rows: [BenchRow]) -> [Payback] {
        let simple = ["doorbell", "interrupt", "window.4096", "window.65536"].map { kind in
            Payback(kind, in: rows, checked: ["checked.\(kind)"], bound: "bound.\(kind)", bind: ["bind.\(kind)"])
        }
        let hypercall = Payback(
            "doorbell-by-hypercall", in: rows, checked: ["checked.hypercall"], bound: "bound.doorbell",
            bind: ["bind.doorbell"])
        // In place there is no operation at all: neither a copy nor a mapping.
        let inPlace = Payback(
            "window-in-place.4096", in: rows, checked: ["checked.window.4096"], bound: nil, bind: ["bind.window.4096"])
        let rings = ["ring", "ring-of-16"].flatMap { ring in
            [("page", "512"), ("lease", "4096"), ("lease", "65536")].map { way, size in
                Payback(
                    "\(ring).\(size)", in: rows, checked: ["transfer.\(way).\(size)"],
                    bound: "transfer.\(ring).\(size)", bind: ["bind.ring"])
            }
        }
        let grant = Payback(
            "grant.4096", in: rows, checked: ["delegate.page", "revoke.page"], bound: "bound.window.4096",
            bind: ["delegate.page"])
        return (simple + [hypercall, inPlace] + rings + [grant]).compactMap { $0 }
    }
}
