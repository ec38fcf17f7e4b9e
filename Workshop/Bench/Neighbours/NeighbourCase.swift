/// A machine whose speed is measured, alone or beside a hostile machine on the same core. Both run
/// `Guests/Linux/neighbour.c`.
struct NeighbourCase: Hashable {
    /// The work of the victim: pieces of ten million instructions, which take 10 ms without a neighbour, or pieces of a
    /// hundred reads of its disk, one after the other.
    enum Work: String {
        case compute, read
    }

    /// The work of the hostile machine.
    enum Attack: String, CaseIterable {
        case spin, timers, forks, pages, console, disk

        /// The attacks that need no disk.
        static let ofProcessor: [Attack] = [.spin, .timers, .forks, .pages, .console]
    }

    var work: Work
    /// The work of the other machine, or nil if there is none.
    var attack: Attack?

    /// True if one of the machines has a disk. Both have one then, so that they are equal.
    var usesDisks: Bool { work == .read || attack == .disk }

    /// The name of the victim where several cases have one board.
    var victim: String { "\(work.rawValue)-\(attack?.rawValue ?? "alone")" }
    var attacker: String { "\(victim)-attacker" }

    /// Returns the time of a piece that stands for all. The computer may keep the board's disk waiting now and then,
    /// which the median leaves out. The mean of computing pieces counts each turn of the neighbour.
    func time(of times: Times) -> Double { work == .read ? times.median : times.mean }

    /// The times of a piece of work in nanoseconds of the board.
    struct Times: Equatable {
        var median: Double
        var mean: Double
        var longest: Double

        /// Reads a line `neighbour: median NS mean NS longest NS`.
        init?(line: String) {
            let pairs = Dictionary(WorkloadRun.pairs(in: line, behind: "neighbour: ")) { $1 }
            guard let median = pairs["median"], let mean = pairs["mean"], let longest = pairs["longest"] else {
                return nil
            }
            (self.median, self.mean, self.longest) = (median, mean, longest)
        }
    }
}
