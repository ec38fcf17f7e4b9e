import Foundation
import SystemImage
import Tool

/// A board of 4 GiB full of idle machines: Debian in 64 MiB, with a clone of one disk or with none, or a guest without
/// an operating system in 4 MiB.
struct MachineCrowd {
    enum Kind {
        case debian
        case debianWithDisk
        /// `Guests/Bench/StartGuest`.
        case small
    }

    var count: Int
    var kind = Kind.debianWithDisk

    /// The most machines for which the board has memory.
    static let maximum = 60

    static func name(_ number: Int) -> String { "m\(number)" }

    var manifest: String {
        let disks = kind == .debianWithDisk ? ", disks: {data: {size: 64MiB, clone-of: golden}}" : ""
        let debian = "guest: debian, memory: 64MiB, command-line: console=ttyAMA0 quiet kpti=off\(disks)"
        let machine = kind == .small ? "kernel: {target: StartGuest}, memory: 4MiB" : debian
        let machines = (1...count).map { "  \(Self.name($0)): {\(machine)}" }
        let hasDisks = kind == .debianWithDisk
        return """
            system: bench-machines-\(count)
            board: {cpu: neoverse-n1, cores: 1, memory: 4GiB\(hasDisks ? ", disks: {main: {size: 8GiB}}" : "")}
            \(hasDisks ? "disks: {golden: {size: 64MiB}}" : "")
            machines:
            \(machines.joined(separator: "\n"))

            """
    }

    /// Writes the manifest to a folder, which also gets the board's disk.
    func write(to folder: URL) throws -> URL {
        let file = folder.appendingPathComponent("system.yaml")
        try Data(manifest.utf8).writeWhole(to: file)
        return file
    }

    /// Time follows the instructions. An idle board waits for its disk in the host's time.
    static let clock = ["-icount", "shift=0,sleep=on", "-seed", "1"]
    /// The text by which a machine says that its Linux has started.
    static let start = "'poweroff' ends this machine"

    /// The text by which a machine of this crowd says that it has started.
    private var start: String { kind == .small ? "start: the guest runs" : Self.start }

    /// Listens to the machines until all have started.
    ///
    /// - Parameters:
    ///   - executed: the file in which the plugin in Benchmarks/Instructions keeps its count.
    ///   - heard: receives each other line.
    /// - Returns: the instructions that the board had executed when each machine said that it had started, in order.
    func starts(_ session: Session, executed: URL, timeout: Duration, heard: (String) -> Void) throws -> [UInt64] {
        let deadline = ContinuousClock.now + timeout
        var starts: [UInt64] = []
        while ContinuousClock.now < deadline {
            for event in session.wait(timeout: deadline - .now) {
                switch event {
                case .line(_, let text):
                    guard text.contains(start) else {
                        heard(text)
                        continue
                    }
                    starts.append(try InstructionRecord(file: executed).count)
                    if starts.count == count { return starts }
                case .ended: throw Failure("the board went off before the machines had started")
                case .output, .readable: break
                }
            }
        }
        throw Failure(
            "\(starts.count) of \(count) machines started in time", remedy: "allow more by --timeout",
            status: ExitStatus.timeout)
    }
}
