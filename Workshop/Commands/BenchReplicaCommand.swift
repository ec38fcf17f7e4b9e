import ArgumentParser
import Foundation
import SystemImage
import Tool

struct BenchReplicaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replica",
        abstract: "Compares a Linux on the bare board with the same Linux on Entente and as a guest of KVM.",
        discussion: """
            The same kernel, initial file system, command line and seed everywhere, with deterministic time (-icount \
            shift=0). Each task of the workload of Guests/Linux is divided among the processors. A plugin of QEMU \
            counts the instructions of the whole board: of all processors, and of all software from the hypervisor to \
            the program. Instructions are work and not time: two processors that share the work do not need fewer.

            The exits of a virtual processor for 1000 system calls are counted by Entente's kernel and by KVM. They \
            are the difference of a run with a million calls and one without.
            """)

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(help: ArgumentHelp("The systems: native, entente, kvm.", valueName: "names"))
    var subjects = "native,entente,kvm"

    @Option(help: ArgumentHelp("The numbers of processors, separated by commas.", valueName: "numbers"))
    var processors = "1,2,4"

    @Flag(inversion: .prefixedNo, help: "Measure requests of a disk too.")
    var disk = true

    @Flag(inversion: .prefixedNo, help: "Count the exits of system calls too.")
    var exits = true

    @Option(help: ArgumentHelp("End each run after this time.", valueName: "seconds"))
    var timeout = 900

    private func chosenSubjects() throws -> [ReplicaBenchmark.Subject] {
        let names = subjects.split(separator: ",")
        let found = names.compactMap { ReplicaBenchmark.Subject(rawValue: String($0)) }
        guard found.count == names.count, !found.isEmpty else {
            throw ValidationError("--subjects takes names out of native,entente,kvm")
        }
        return found
    }

    private func work() throws -> [ReplicaBenchmark.Work] {
        let crews = try processors.split(separator: ",").map { text in
            guard let number = Int(text), [1, 2, 4].contains(number) else {
                throw ValidationError("--processors takes numbers out of 1,2,4")
            }
            return ReplicaBenchmark.Work.crew(number)
        }
        return crews + (disk ? [.disk] : []) + (exits ? [.calls, .boot] : [])
    }

    func validate() throws { _ = try (chosenSubjects(), work()) }

    func run() throws {
        let benchmark = ReplicaBenchmark(workspace: try Workspace.current(), timeout: .seconds(timeout))
        var report = ReplicaReport()
        for work in try work() {
            for subject in try chosenSubjects() where subject != .native || ![.calls, .boot].contains(work) {
                report.add(try benchmark.run(work, on: subject), of: work, on: subject)
            }
        }
        print(try json ? BenchRow.json(report.rows) : BenchRow.table(report.rows))
    }
}
