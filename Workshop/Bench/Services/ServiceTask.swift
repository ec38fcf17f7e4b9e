/// A task that a measuring client has performed between two marks, as its line `service: NAME OPERATIONS` tells.
struct ServiceTask: Equatable {
    var name: String
    var operations: Int
    /// The mean time from the first request of a batch to its first answer, in ticks. Only batches have one.
    var latency: Double?

    /// Reads a line. Returns nil if it tells of no task.
    init?(line: String) {
        guard let mark = line.firstRange(of: ServiceTask.mark) else { return nil }
        let words = line[mark.upperBound...].split(whereSeparator: \.isWhitespace)
        guard words.count == 2 || words.count == 3, let operations = Int(words[1]), operations > 0 else { return nil }
        (name, self.operations) = (String(words[0]), operations)
        guard words.count == 3 else { return }
        guard let tenths = Double(words[2]) else { return nil }
        latency = tenths / 10
    }

    private static let mark = "service: "

    static func isEnd(line: String) -> Bool { line.hasSuffix(mark + "end") }
}
