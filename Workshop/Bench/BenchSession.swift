import SystemImage
import Tool

/// Listens to a benchmark system until each of its programs has reported its end.
struct BenchSession {
    let session: Session
    let speakers: [String]

    func run(timeout: Duration) throws -> [BenchRow] {
        defer { session.end() }
        let deadline = ContinuousClock.now + timeout
        var waited = Set(session.channels.filter { speakers.contains($0.name) }.map(\.number))
        var rows: [BenchRow] = []
        while !waited.isEmpty {
            guard ContinuousClock.now < deadline else {
                throw lacking(waited, "printed 'bench: end' in time", ExitStatus.timeout)
            }
            for event in session.wait(timeout: deadline - .now) {
                switch event {
                case .line(let channel, let text):
                    Progress.say(text)
                    if let row = BenchRow(line: text) { rows.append(row) }
                    if BenchRow.isEnd(line: text) { waited.remove(channel) }
                case .ended: throw lacking(waited, "had printed 'bench: end' when the board went off", 1)
                case .output, .readable: break
                }
            }
        }
        return rows
    }

    private func lacking(_ waited: Set<UInt8>, _ what: String, _ status: Int32) -> Failure {
        let names = session.channels.filter { waited.contains($0.number) }.map(\.name).joined(separator: ", ")
        return Failure(
            "not all measuring programs \(what): \(names)", remedy: "see the lines of the consoles above",
            status: status)
    }
}
