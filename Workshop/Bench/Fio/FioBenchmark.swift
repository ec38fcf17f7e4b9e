import Foundation
import SystemImage
import Tool

/// Measures the disk of the same Debian machine with fio: on the bare board, on Entente with a whole disk and with a
/// disk of a pool, and as a guest of KVM on the same board.
struct FioBenchmark {
    let workspace: Workspace
    /// The share of each job's requests that are made.
    var share = 1.0
    var timeout = Duration.seconds(900)

    /// The systems that are compared.
    enum Subject: String, CaseIterable {
        case native, whole, pool, kvm

        fileprivate var system: String { self == .pool ? "pool" : "whole" }
    }

    /// A nanosecond of the board's time is an instruction, so that rates hardly depend on the host's speed. While the
    /// board waits for its disk, its time is that of the host.
    private static let clock = ["-icount", "shift=0,sleep=on", "-seed", "1"]

    /// Runs all jobs on one subject.
    ///
    /// - Returns: what fio reports.
    func results(of subject: Subject) throws -> [FioResult] {
        try run(subject, share: share) { _, _ in }
    }

    /// Runs a part of all jobs' requests on one subject, and counts the instructions of the whole board.
    ///
    /// - Returns: the cost of a request of each job, in their order.
    func costs(of subject: Subject) throws -> [RequestCost] {
        let share = share / 10
        var parts: [BoardPart] = []
        let folder = workspace.state.appendingPathComponent("fio-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let output = folder.appendingPathComponent("counts")
        _ = try run(subject, share: share, isCounted: true) { boot, isEntente in
            parts = isEntente ? try BoardPart.all(in: boot) : []
            let plugin = try EmulatorPlugin(workspace: workspace, name: "requests", folder: "Requests").build()
            let regions = parts.map { ",region=\($0.range.lowerBound):\($0.range.upperBound)" }.joined()
            boot.arguments += ["-plugin", "\(plugin.path),output=\(output.path)\(regions)"]
        }
        let records = try RequestRecord.all(in: Data(contentsOf: output))
        guard records.count == FioJob.all.count else {
            throw Failure("\(records.count) of \(FioJob.all.count) jobs of fio were counted")
        }
        return zip(records, FioJob.all).map { record, job in
            RequestCost(record, parts: parts, requests: job.requests(share: share))
        }
    }

    /// Runs all jobs on one subject.
    ///
    /// - Parameter change: changes the boot, which is one of Entente if the second argument is true.
    private func run(
        _ subject: Subject, share: Double, isCounted: Bool = false, change: (inout PreparedBoot, Bool) throws -> Void
    ) throws -> [FioResult] {
        let file = workspace.root.appendingPathComponent("Benchmarks/systems/disk-fio/\(subject.system).yaml")
        var manifest = try Manifest.load(path: file.path)
        guard let described = manifest.machines.first else { throw Failure("\(file.path) describes no machine") }
        let guest = FioGuest(workspace: workspace, share: share, isCounted: isCounted)
        let machine = try subject == .kvm ? guest.hosted(described) : guest.added(to: described)
        manifest.replace(machine)
        let folder = workspace.state.appendingPathComponent("fio-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        var options = BootOptions(extraArguments: Self.clock)
        options.disks = folder
        var boot =
            switch subject {
            case .native, .kvm:
                try PreparedBoot(
                    bare: machine, of: manifest, workspace: workspace, options: options,
                    hasVirtualization: subject == .kvm)
            case .whole, .pool: try PreparedBoot(manifest, workspace: workspace, options: options)
            }
        try change(&boot, subject == .whole || subject == .pool)
        return try Progress.step("Running fio (\(subject.rawValue)\(isCounted ? ", instructions are counted" : ""))") {
            try listen(to: boot.start(workspace: workspace), console: machine.name)
        }
    }

    private func listen(to session: Session, console: String) throws -> [FioResult] {
        defer { session.end() }
        let deadline = ContinuousClock.now + timeout
        var results: [FioResult] = []
        while ContinuousClock.now < deadline {
            for event in session.wait(timeout: deadline - .now) {
                switch event {
                case .line(_, let text):
                    if text.contains(FioResult.mark) { Progress.say(text) }
                    if let result = FioResult(line: text) { results.append(result) }
                    guard text.contains(FioResult.mark + "end") else { continue }
                    let missing = FioJob.all.filter { job in !results.contains { $0.job == job.name } }
                    guard missing.isEmpty else {
                        throw Failure(
                            "fio has no result for \(missing.map(\.name).joined(separator: ", "))",
                            remedy: "look at \(session.files.log(ofConsole: console).shortPath)")
                    }
                    return results
                case .ended: throw Failure("the board went off before fio had ended")
                case .output, .readable: break
                }
            }
        }
        throw Failure(
            "fio did not end in time",
            remedy: "allow more by --timeout, or look at \(session.files.log(ofConsole: console).shortPath)",
            status: ExitStatus.timeout)
    }
}
