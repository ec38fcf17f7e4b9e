import Foundation
import SystemImage
import Tool

/// Measures the wake-up latencies of real-time threads beside a Linux under load, on KVM and on Xen. The load and the
/// thread are those of `RealtimeBenchmark`.
struct RealtimePeers {
    let workspace: Workspace
    var periods: Int
    var timeout = Duration.seconds(1800)

    /// The place of the thread.
    enum Place {
        /// The Linux that has the load.
        case withLoad
        /// Outside of it: the host of KVM, or another domain of Xen.
        case besideLoad
    }

    /// The words of the program: for the thread beside its load, without a load in a domain or a process, and for the
    /// load alone.
    private var words: (withLoad: String, domain: String, process: String, load: String) {
        let numbers = "\(RealtimeBenchmark.microseconds) \(periods)"
        return ("\(numbers) load-off", "\(numbers) alone-off", "\(numbers) alone", "load")
    }

    private static let memory = 256
    private static let (load, thread) = ("load", "thread")

    func report(on subject: Subject, _ place: Place) throws -> LatencyReport {
        var report = LatencyReport()
        switch subject {
        case .kvm: try runKVM(place) { report.hear($0) }
        case .xen: try runXen(place) { report.hear($0) }
        default: throw Failure("\(subject.title) has no guests under load")
        }
        guard report.isComplete else { throw Failure("the thread on \(subject.title) has not reported") }
        return report
    }

    /// The thread in the host has its real-time scheduling, and the processor of the guest is an ordinary thread.
    private func runKVM(_ place: Place, heard: (String) -> Void) throws {
        var described = MachineDescription(name: Self.load)
        (described.guest, described.memory) = (.debian(flavour: .cloud), UInt64(Self.memory) << 20)
        var guest = try KVMGuest(
            Self.load, like: RealtimeBenchmark.program(in: workspace).added(to: described), workspace: workspace)
        guest.commandLine =
            "console=ttyAMA0 quiet kpti=off rdinit=/realtime -- "
            + (place == .withLoad ? words.withLoad : words.load)
        var host = KVMHost(workspace: workspace, guests: [guest])
        if place == .besideLoad {
            host.files["bin/realtime"] = try RealtimeBenchmark.program(in: workspace).build()
            host.reaction = ("realtime: begins", "touch /run/begun")
            host.script = """
                begin \(Self.load)
                while [ ! -e /run/begun ]; do sleep 0.1; done
                sleep 1
                realtime \(words.process)
                finish \(Self.load)
                await \(Self.load)
                """
        }
        var board = KVMBoard(host: host)
        board.options.extraArguments += RealtimeBenchmark.counter(of: KVMBoard.cpu)
        board.timeout = timeout
        try board.run("Measuring \(periods) periods (kvm)") { line, _ in
            switch line {
            case .guest(_, let text) where place == .withLoad: heard(text)
            case .host(let text) where place == .besideLoad: heard(text)
            default: break
            }
        }
    }

    private func runXen(_ place: Place, heard: (String) -> Void) throws {
        let program = try RealtimeBenchmark.program(in: workspace).build()
        func domain(_ name: String, _ arguments: String) -> XenDomain {
            XenDomain(
                name: name, memory: Self.memory, files: ["measure": program], directArguments: "-- \(arguments)")
        }
        let show = "show \(Self.thread) | tr -d '\\r' | grep realtime:\n"
        let alone = "start \(Self.thread)\n\(show)"
        let beside = """
            start \(Self.load) &
            until show \(Self.load) 2>/dev/null | grep -q begins; do sleep 1; done
            sleep 1
            start \(Self.thread)
            xl destroy \(Self.load)
            wait $!
            \(show)
            """
        let board = XenBoard(workspace: workspace, arguments: RealtimeBenchmark.counter(of: XenBoard.cpu))
        try Progress.step("Measuring \(periods) periods (xen)") {
            _ = try board.run(
                script: place == .withLoad ? alone : beside,
                domains: place == .withLoad
                    ? [domain(Self.thread, words.withLoad)]
                    : [domain(Self.load, words.load), domain(Self.thread, words.domain)],
                timeout: timeout, heard: heard)
        }
    }
}
