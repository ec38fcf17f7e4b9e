import Foundation
import SystemImage
import Tool

/// Measures what a machine gets of a core that it shares with a hostile machine: the time of a piece of work of ten
/// million instructions, which takes 10 ms without a neighbour.
struct NeighbourBenchmark {
    let workspace: Workspace
    var rounds = 100
    var timeout = Duration.seconds(900)

    static let subjects: [Subject] = [.entente, .kvm, .xen]

    /// The work of the hostile machine (Guests/Linux/neighbour.c).
    enum Attack: String, CaseIterable {
        case spin, timers, forks, pages, console
    }

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

    /// Runs the victim.
    ///
    /// - Parameter attack: the work of the other machine, or nil for none.
    func run(on subject: Subject, beside attack: Attack?) throws -> Times {
        let title = "Sharing a core with \(attack?.rawValue ?? "nobody") (\(subject.rawValue))"
        switch subject {
        case .entente: return try runEntente(title, attack)
        case .kvm: return try runKVM(title, attack)
        case .xen: return try runXen(title, attack)
        default: throw Failure("\(subject.title) has no machines that share a core")
        }
    }

    private static let victim = "victim"
    private static let attacker = "attacker"

    /// Returns the board with both machines, or with the victim alone.
    private func manifest(_ attack: Attack?, in folder: URL) throws -> Manifest {
        let tasks = [(Self.victim, "victim \(rounds)")] + (attack.map { [(Self.attacker, $0.rawValue)] } ?? [])
        let machines = tasks.map { name, task in
            "  \(name): {guest: debian, memory: 128MiB, "
                + "command-line: \"console=ttyAMA0 quiet kpti=off rdinit=/neighbour -- \(task)\"}\n"
        }
        let text =
            "system: bench-neighbours\nboard: {cpu: neoverse-n1, cores: 1, memory: 1GiB}\nmachines:\n"
            + machines.joined()
        let file = folder.appendingPathComponent("system.yaml")
        try Data(text.utf8).writeWhole(to: file)
        var manifest = try Manifest.load(path: file.path)
        for machine in manifest.machines { manifest.replace(try program.added(to: machine)) }
        return manifest
    }

    private var program: LinuxWorkload {
        LinuxWorkload(workspace: workspace, name: "neighbour", parts: ["work", "output"])
    }

    private func inFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
        let folder = workspace.state.appendingPathComponent("neighbours-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder)
    }

    private func runEntente(_ title: String, _ attack: Attack?) throws -> Times {
        try inFolder { folder in
            let manifest = try manifest(attack, in: folder)
            let boot = try PreparedBoot(manifest, workspace: workspace, options: .deterministic)
            return try Progress.step(title) {
                let session = try boot.start(workspace: workspace)
                defer { session.end() }
                return try listen(to: session)
            }
        }
    }

    private func listen(to session: Session) throws -> Times {
        let deadline = ContinuousClock.now + timeout
        while ContinuousClock.now < deadline {
            for event in session.wait(timeout: deadline - .now) {
                switch event {
                case .line(_, let text): if let times = Times(line: text) { return times }
                case .ended: throw Failure("the board went off before the victim had ended")
                case .output, .readable: break
                }
            }
        }
        throw Failure("the victim did not end in time", status: ExitStatus.timeout)
    }

    private func runKVM(_ title: String, _ attack: Attack?) throws -> Times {
        try inFolder { folder in
            let guests = try manifest(attack, in: folder).machines.map {
                try KVMGuest($0.name, like: $0, workspace: workspace)
            }
            var host = KVMHost(workspace: workspace, guests: guests)
            let begin = guests.map { "begin \($0.name)\n" }.joined()
            let end = attack == nil ? "" : "finish \(Self.attacker)\n"
            host.script = "\(begin)await \(Self.victim)\n\(end)"
            var board = KVMBoard(host: host)
            board.timeout = timeout
            var times: Times?
            try board.run(title) { line, _ in
                if case .guest(Self.victim, let text) = line { times = Times(line: text) ?? times }
            }
            return try unwrapped(times)
        }
    }

    private func runXen(_ title: String, _ attack: Attack?) throws -> Times {
        let program = try program.build()
        func domain(_ name: String, _ task: String) -> XenDomain {
            XenDomain(name: name, files: ["measure": program], directArguments: task)
        }
        let domains =
            [domain(Self.victim, "-- victim \(rounds)")]
            + (attack.map { [domain(Self.attacker, "-- \($0.rawValue)")] } ?? [])
        let begin = attack == nil ? "" : "start \(Self.attacker) &\n"
        let end = attack == nil ? "" : "xl destroy \(Self.attacker)\n"
        let script = "\(begin)start \(Self.victim)\nshow \(Self.victim)\n\(end)"
        let lines = try Progress.step(title) {
            try XenBoard(workspace: workspace).run(script: script, domains: domains, timeout: timeout).lines
        }
        return try unwrapped(lines.lazy.compactMap { Times(line: $0) }.first)
    }

    private func unwrapped(_ times: Times?) throws -> Times {
        guard let times else { throw Failure("the victim has not printed its times") }
        return times
    }
}
