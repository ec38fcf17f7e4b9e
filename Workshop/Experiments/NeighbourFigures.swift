/// The figures of machines beside hostile ones, from several turns in which all systems ran all cases.
struct NeighbourFigures {
    private var times: [(key: NeighbourCase, subject: Subject, turn: Int, times: NeighbourCase.Times)] = []

    /// - Parameter turn: the number of the turn in which all subjects run the case.
    mutating func add(_ times: NeighbourCase.Times, of key: NeighbourCase, on subject: Subject, turn: Int) {
        self.times.append((key, subject, turn, times))
    }

    private func times(of key: NeighbourCase, on subject: Subject, turn: Int? = nil) -> [(Int, NeighbourCase.Times)] {
        times.filter { $0.key == key && $0.subject == subject && $0.turn == turn ?? $0.turn }.map {
            ($0.turn, $0.times)
        }
    }

    /// Adds the share that each victim got: its time alone divided by its time beside the attack in the same turn. The
    /// longest piece is that of all turns.
    func addShares(of subject: Subject, to run: ExperimentRun) {
        func add(_ name: String, _ samples: [Double], unit: String) {
            guard !samples.isEmpty else { return }
            run.add(
                name, subject, samples, unit: unit, .virtualTime, cpu: "neoverse-n1",
                software: ReplicaFigures.software(of: subject))
        }
        for (work, alone, share, longest) in [
            (NeighbourCase.Work.compute, "piece.alone", "share", "longest"),
            (.read, "requests.alone", "share-of-disk", "longest-requests"),
        ] {
            let single = NeighbourCase(work: work, attack: nil)
            add(alone, times(of: single, on: subject).map { single.time(of: $1) / 1e6 }, unit: "ms")
            for attack in NeighbourCase.Attack.allCases {
                let key = NeighbourCase(work: work, attack: attack)
                let found = times(of: key, on: subject)
                let shares = found.compactMap { turn, beside in
                    times(of: single, on: subject, turn: turn).first.map {
                        100 * single.time(of: $1) / key.time(of: beside)
                    }
                }
                add("\(share).\(attack.rawValue)", shares, unit: "%")
                let worst = found.map(\.1.longest).max().map { [$0 / 1e6] } ?? []
                add("\(longest).\(attack.rawValue)", worst, unit: "ms")
            }
        }
    }
}
