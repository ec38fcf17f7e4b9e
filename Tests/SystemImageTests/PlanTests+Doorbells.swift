import ABI
import Testing

@testable import SystemImage

extension PlanTests {
    /// The kernel would refuse these doorbells.
    @Test func doorbellsAreChecked() throws {
        func faults(_ bells: (UInt64, DoorbellMatch)...) throws -> String {
            var plan = try everything().plan()
            let space = plan.tenants.compactMap(\.parts.machineSpace)[0]
            let line = plan.nodes.firstIndex { $0.kind == .notification && $0.lasts }!
            for (address, match) in bells {
                plan.edges.append(
                    Plan.Edge(
                        owner: plan.nodes[space].owner, feature: .event,
                        action: .doorbell(space: space, address: address, line, bits: 1, match)))
            }
            return plan.doorbellFaults.joined(separator: "\n")
        }
        let seven = DoorbellMatch(value: 7, width: 8)
        #expect(try faults((0x1000, .every), (0x1004, seven), (0x1004, DoorbellMatch(value: 8, width: 16))) == "")
        #expect(try faults((0x1002, .every)).contains("at 0x1002 is impossible"))
        #expect(try faults((0x1000, DoorbellMatch(value: 256, width: 8))).contains("is impossible"))
        #expect(try faults((0x1000, seven), (0x1000, .every)).contains("two doorbells for one store to 0x1000"))
        var plan = try everything().plan()
        let bell = plan.edges.first { if case .doorbell = $0.action { true } else { false } }!
        guard case .doorbell(let space, _, let line, _, _) = bell.action else { return }
        for number in 0..<KernelLimits.doorbells {
            var copy = bell
            copy.action = .doorbell(space: space, address: 0x1000 + UInt64(number) * 8, line, bits: 1)
            plan.edges.append(copy)
        }
        #expect(
            plan.doorbellFaults.allSatisfy { $0.contains("has too many doorbells") } && !plan.doorbellFaults.isEmpty)
        plan.nodes[space].parameter &= ~KernelLimits.doorbellTable
        #expect(plan.doorbellFaults.contains { $0.contains("has no table for its doorbells") })
    }

    /// Only a space with doorbells pays for their table.
    @Test func spacesPayForTheirDoorbells() throws {
        let plan = try everything().plan()
        let bound = Set(
            plan.edges.compactMap { edge -> Plan.NodeID? in
                if case .doorbell(let space, _, _, _, _) = edge.action { space } else { nil }
            })
        #expect(!bound.isEmpty)
        for id in plan.nodes.indices where plan.nodes[id].kind == .addressSpace && !plan.nodes[id].isGiven {
            #expect(plan.nodes[id].hasDoorbells == bound.contains(id))
            let tables = plan.nodes[id].pageTables * 4096
            #expect(plan.nodes[id].bytes == 8192 + tables + (bound.contains(id) ? ObjectSize.doorbellTable : 0))
        }
    }
}
