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
            try system.type("kill numbers\n", on: "root")
            try system.wait(for: "back: numbers, life 2", on: "root")
            try system.wait(for: "all is well", on: "others")
            try system.wait(for: "generation: 3", on: "numbers")
            let numbers = try system.lines(of: "numbers") + system.lines(of: "others")
            // Two components, one of them in two lives: no number comes twice.
            let random = numbers.flatMap { $0.matches(of: /(random|and|hash) 0x([0-9a-f]+)/).map { $0.2 } }
            #expect(random.count == 9 && Set(random).count == 9, "\(random)")
            #expect(numbers.count { $0.hasSuffix("texts turn 7 true false 1") } == 3)
            let expected = "numbers \(1.5) \(0.1 + 0.2) \(Float(1) / 3) \(-0.0) \(Double.infinity) dead(generation: 3)"
            #expect(numbers.count { $0.hasSuffix(expected) } == 3)
            let math = "math \(6.0.squareRoot()) \((-6.0).truncatingRemainder(dividingBy: 0.7)) \(6.0.remainder(dividingBy: 3.5))"
            #expect(numbers.count { $0.hasSuffix(math) } == 3)
            let read = "read \(Double("6.025e-3")!) \(Float("0.6")!) -1.0 \(Float(6).squareRoot())"
            #expect(numbers.count { $0.hasSuffix(read) } == 3)
        }
    }
}
