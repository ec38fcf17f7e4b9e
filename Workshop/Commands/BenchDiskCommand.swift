import ArgumentParser
import Foundation
import SystemImage
import Tool

struct BenchDiskCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disk",
        abstract: "Measures virtual disks beside the same disk of a machine on the bare emulator.",
        discussion: """
            Boots one Debian machine on the bare emulator (native), and on Entente with a whole disk of the board \
            (whole), with a disk of a pool (pool), with one whose data has checksums (checksums), and with a whole disk \
            and two virtual CPUs on two cores (cores). All have the same kernel, initial file system and device. A \
            plugin of QEMU counts the executed instructions of the whole board for one request of 4 KiB or 1 MiB, by \
            the program that executes them, and its entries into the kernel.

            With --fio, Debian's fio measures the same machine, and also as a guest of KVM on the board (kvm). The \
            subjects alternate. A nanosecond of the board is an instruction, except that an idle board waits for its \
            disk in the host's time. Each ratio is the median of the runs, and stands beside its aim. Before that, a \
            run with a tenth of the requests counts the instructions, and the exits to the monitor. These figures \
            hardly depend on the host's load.

            With --boot, a whole Debian starts from its disk until it logs root in, on the bare emulator and on \
            Entente, in turns. The executed instructions of the whole board count.

            With --snapshots, a machine writes 16 MiB, and in another run 1 GiB, of its disk in a pool. A snapshot and a \
            clone of the disk, the first write behind them, and reads at the end of a chain of 100 snapshots count.
            """)

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(help: "The number of requests of each kind that are counted.")
    var requests = 1000

    @Option(help: "The number of functions to list for each kind of request.")
    var top = 0

    @Option(help: ArgumentHelp("Keep the plugin's files in this folder.", valueName: "folder"))
    var counts: String?

    @Flag(help: "Measure rates of reads and writes with fio instead.")
    var fio = false

    @Flag(help: "Count the instructions of the start of a whole Debian instead.")
    var boot = false

    @Flag(help: "Count the instructions of snapshots and clones of a machine's disk instead.")
    var snapshots = false

    @Option(
        help: "The number of runs of fio or starts of Debian on each system; with fio, 0 counts instructions alone.")
    var runs = 5

    @Option(
        help: ArgumentHelp(
            "The systems to measure, separated by commas: native, whole, pool, checksums, cores; with --fio: native, "
                + "whole, pool, kvm.", valueName: "names"))
    var subjects: String?

    @Option(help: ArgumentHelp("End each system after this time.", valueName: "seconds"))
    var timeout = 900

    func validate() throws {
        if !(10...1_000_000).contains(requests) { throw ValidationError("--requests takes 10 to 1000000") }
        if !(0...1000).contains(runs) { throw ValidationError("--runs takes 0 to 1000") }
        if [fio, boot, snapshots].count(where: \.self) > 1 {
            throw ValidationError("--fio, --boot and --snapshots exclude each other")
        }
        if boot && runs == 0 { throw ValidationError("--boot needs a start at least: remove '--runs 0'") }
        if boot || snapshots, subjects != nil { throw ValidationError("--boot and --snapshots take no --subjects") }
        if fio {
            _ = try chosen(FioBenchmark.Subject.self)
        } else {
            _ = try chosen(RequestBenchmark.Subject.self)
        }
    }

    /// Returns the systems to measure, in the order of the option, or all of them without it.
    private func chosen<Subject: CaseIterable & RawRepresentable<String>>(_ type: Subject.Type) throws -> [Subject] {
        guard let subjects else { return Array(Subject.allCases) }
        let names = subjects.split(separator: ",")
        let found = names.compactMap { Subject(rawValue: String($0)) }
        if found.count != names.count || found.isEmpty {
            let known = Subject.allCases.map(\.rawValue).joined(separator: ",")
            throw ValidationError("--subjects takes names out of \(known)")
        }
        return found
    }

    func run() throws {
        let workspace = try Workspace.current()
        if fio { return try runFio(in: workspace) }
        if boot { return try runBoot(in: workspace) }
        if snapshots { return try runSnapshots(in: workspace) }
        var benchmark = RequestBenchmark(workspace: workspace, count: requests, timeout: .seconds(timeout))
        benchmark.kept = counts.map { URL(fileURLWithPath: $0) }
        var report = RequestReport(costs: [:])
        for subject in try chosen(RequestBenchmark.Subject.self) {
            report.costs[subject] = try benchmark.costs(of: subject)
        }
        print(try json ? BenchRow.json(report.rows) : report.text(top: top))
    }

    private func runFio(in workspace: Workspace) throws {
        let benchmark = FioBenchmark(workspace: workspace, timeout: .seconds(timeout))
        let subjects = try chosen(FioBenchmark.Subject.self)
        var costs = FioCosts()
        for subject in subjects { costs.costs[subject] = try benchmark.costs(of: subject) }
        var report = FioReport()
        for run in 0..<runs {
            try Progress.step("Run \(run + 1) of \(runs)") {
                for subject in subjects { report.add(try benchmark.results(of: subject), of: subject) }
            }
        }
        let texts = [costs.text] + (runs > 0 ? [report.text] : [])
        print(try json ? BenchRow.json(costs.rows + report.rows) : texts.joined(separator: "\n\n"))
    }

    private func runBoot(in workspace: Workspace) throws {
        let benchmark = DebianBootBenchmark(workspace: workspace, timeout: .seconds(timeout))
        var report = DebianBootReport()
        for _ in 0..<runs {
            for subject in DebianBootBenchmark.Subject.allCases {
                report.add(try benchmark.instructions(of: subject), of: subject)
            }
        }
        print(try json ? BenchRow.json(report.rows) : report.text)
    }
    private func runSnapshots(in workspace: Workspace) throws {
        let benchmark = SnapshotBenchmark(workspace: workspace, count: requests, timeout: .seconds(timeout))
        var report = SnapshotReport()
        for mebibytes in [16, 1024] { report.results.append((mebibytes, try benchmark.result(written: mebibytes))) }
        print(try json ? BenchRow.json(report.rows) : BenchRow.table(report.rows))
    }
}
