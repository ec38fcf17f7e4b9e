import Testing

@testable import Tool
@testable import Workshop

extension SystemTests {
    /// A Debian machine as a host of KVM, as the benchmarks use it.
    @Suite struct KVMTests {
        @Test func everyPrimitiveIsMeasured() throws {
            let rows = try KVMPrimitives(workspace: Workspace(root: Repository.root)).rows()
            #expect(Set(rows.map(\.name)).isSuperset(of: KVMPrimitives.operations.map { "kvm.\($0)" }))
            #expect(Set(rows.map(\.name)).isSuperset(of: ["exit.hypercall", "exit.mmio", "interrupt.wfi"]))
            // An exit to the monitor costs more than one that the host's kernel answers, and a copy is none.
            func value(_ name: String) throws -> Double { try #require(rows.first { $0.name == name }?.value) }
            #expect(try value("exit.mmio") > 2 * value("exit.hypercall"))
            #expect(try value("kvm.switch") > value("kvm.copy.alone.4096"))
            #expect(try value("kvm.event.by-monitor") > value("kvm.event.send"))
        }

        /// The thread is in the host, whose scheduler prefers it to the guest at each moment.
        @Test func aThreadOfTheHostMissesNoPeriodBesideALoadedGuest() throws {
            let peers = RealtimePeers(workspace: Workspace(root: Repository.root), periods: 200)
            let report = try peers.report(on: .kvm, .besideLoad)
            #expect(report.figures["periods"] == 200 && report.figures["missed"] == 0, "\(report.figures)")
        }
    }
}
