/// The result of one job of fio, from its terse output (fio(1), "Terse output", version 3).
struct FioResult: Equatable {
    var job: String
    /// The bytes that were read or written, in KiB.
    var size: Double
    /// The time of the job in milliseconds.
    var time: Double

    /// The line that a machine prints for each job, with the fields of the terse output that `init(line:)` expects.
    static let mark = "fio: "

    /// The numbers of fields, as cut(1) counts them: the job's name, its error, and the size and the time of reads and
    /// of writes.
    static let fields = "3,5,6,9,47,50"

    init(job: String, size: Double, time: Double) { (self.job, self.size, self.time) = (job, size, time) }

    /// Reads a line with the chosen fields.
    ///
    /// - Returns: nil if the line is another one, or the job failed or moved no data.
    init?(line: String) {
        guard let start = line.firstRange(of: Self.mark)?.upperBound else { return nil }
        let words = line[start...].split(separator: ";", omittingEmptySubsequences: false)
        guard words.count == 6, words[1] == "0" else { return nil }
        let numbers = words[2...].compactMap { Double($0.filter { !$0.isWhitespace }) }
        guard numbers.count == 4 else { return nil }
        let (size, time) = (numbers[0] + numbers[2], numbers[1] + numbers[3])
        guard size > 0, time > 0 else { return nil }
        self.init(job: String(words[0]), size: size, time: time)
    }

    /// The throughput in MiB in a second.
    var throughput: Double { size / 1024 / (time / 1000) }

    /// Returns the requests in a second.
    ///
    /// - Parameter block: the size of a request in KiB.
    func rate(block: Int) -> Double { size / Double(block) / (time / 1000) }
}
