import Testing

extension SystemTests {
    /// Programs of packages that go wrong: a user is told the reason, the text and the line.
    @Suite(.serialized) struct MishapTests {
        @Test func aMishapIsExplained() throws {
            let system = try RunningSystem("Tests/Systems/mishaps.yaml")
            try system.wait(for: "limit: narrow stays stopped", on: "root")
            let report = try system.lines(of: "root").joined(separator: "\n")
            #expect(report.contains("Mishaps.swift:7:24: Index out of range"))
            #expect(report.contains("Mishaps.swift:8:24: arithmetic overflow"))
            #expect(report.contains("Mishaps.swift:9:13: precondition failure"))
            #expect(report.contains("Mishaps.swift:10:13: fatal error"))
            #expect(report.contains("Mishaps.swift:12:17: Not enough bits to represent the passed value"))
            #expect(report.contains(/fault: deep stack overflow: 32KiB are used up \(key 'stack' of the manifest/))
            #expect(try system.lines(of: "condition").contains {
                $0.hasSuffix("Mishaps/Mishaps.swift:9: Precondition failed: two is not enough")
            })
            #expect(try system.lines(of: "composed").contains {
                $0.hasSuffix("Mishaps/Mishaps.swift:10: Fatal error: three, as in 3")
            })
            // The same program with a larger stack.
            try system.wait(for: "all is well", on: "deeper")
            #expect(!report.contains("fault: deeper"))
        }
    }
}
