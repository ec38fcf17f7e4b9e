import Testing

@testable import Workshop

@Suite struct PaybackTests {
    @Test func countsTheUsesAfterWhichABindingHasCostLess() {
        #expect(Payback(kind: "a", checked: 10, bound: 4, bind: 11).uses == 2)
        // After two uses both have cost the same, so the third one makes the difference.
        #expect(Payback(kind: "a", checked: 10, bound: 4, bind: 12).uses == 3)
        #expect(Payback(kind: "a", checked: 10, bound: 4, bind: 0).uses == 1)
    }

    @Test func neverPaysIfAUseCostsAsMuch() {
        #expect(Payback(kind: "a", checked: 4, bound: 4, bind: 1).uses == nil)
        let rows = Payback(kind: "a", checked: 3, bound: 4, bind: 1).rows
        #expect(rows.map(\.name) == ["checked.a", "bound.a", "bind.a", "saving.a"])
        #expect(rows.last?.value == -1)
    }

    @Test func addsThePartsOfACheckedUse() {
        let rows = [BenchRow("give", 5), BenchRow("take", 3), BenchRow("copy", 2)]
        #expect(
            Payback("a", in: rows, checked: ["give", "take"], bound: "copy", bind: ["give"])
                == Payback(kind: "a", checked: 8, bound: 2, bind: 5))
        #expect(
            Payback("a", in: rows, checked: ["give"], bound: nil, bind: ["take"])
                == Payback(kind: "a", checked: 5, bound: 0, bind: 3))
        #expect(Payback("a", in: rows, checked: ["give", "lost"], bound: "copy", bind: ["give"]) == nil)
        #expect(Payback("a", in: rows, checked: ["give"], bound: "lost", bind: ["give"]) == nil)
    }

    @Test func comparesTheKindsThatTheProgramsMeasured() {
        let rows = [
            BenchRow("checked.doorbell", 442), BenchRow("bound.doorbell", 144), BenchRow("bind.doorbell", 774),
            BenchRow("transfer.lease.4096", 1371), BenchRow("transfer.ring.4096", 1712), BenchRow("bind.ring", 8112),
        ]
        let kinds = BindingExperiment.comparisons(of: rows)
        #expect(kinds.map(\.kind) == ["doorbell", "ring.4096"])
        #expect(kinds.map(\.uses) == [3, nil])
    }

    @Test func judgesTheRing() {
        func verdict(_ rows: [BenchRow]) -> Hypothesis.Verdict {
            BindingExperiment.ringPays(
                ExperimentResult(
                    name: "binding", command: "", seconds: 0,
                    figures: rows.map {
                        Figure(name: $0.name, subject: .entente, value: $0.value, unit: $0.unit, measure: .count)
                    }))
        }
        #expect(verdict([]) == .open)
        #expect(verdict(Payback(kind: "ring.4096", checked: 9, bound: 4, bind: 50).rows) == .holds("11 uses"))
        #expect(verdict(Payback(kind: "ring.4096", checked: 9, bound: 4, bind: 5000).rows) == .refuted("1,001 uses"))
        guard case .refuted(let reason) = verdict(Payback(kind: "ring.4096", checked: 4, bound: 9, bind: 5).rows) else {
            Issue.record("a ring that never pays is not refuted")
            return
        }
        #expect(reason.hasPrefix("never"))
    }
}
