import Foundation
import SystemImage
import Tool

/// Stops and kills the QEMU of one of two guests of KVM, and watches both guests.
///
/// The first process of each guest sleeps for 5 ms again and again, and reports the longest time from one wake-up to
/// the next by the counter, which goes on while its QEMU is stopped.
struct KVMFaultTrial {
    let workspace: Workspace
    var timeout = Duration.seconds(900)

    private static let (offender, other) = ("one", "two")
    /// The time for which QEMU stands still, in seconds.
    private static let pause = 1

    /// The times are those of the board, in milliseconds.
    struct Result: Equatable {
        /// The longest times between wake-ups that are added to those of a run without a fault.
        var hungGuest = 0.0
        var hungOther = 0.0
        var killedOther = 0.0
        /// The time from the death of QEMU until the first process of the guest runs again, with Linux's resolution of
        /// 10 ms.
        var recovery = 0.0
        /// The number of guests that had to begin anew.
        var lost = 0

        var rows: [BenchRow] {
            [
                BenchRow("stall.vmm.hung.guest", hungGuest, unit: "ms"),
                BenchRow("stall.vmm.hung.other-guest", hungOther, unit: "ms"),
                BenchRow("stall.vmm.killed.other-guest", killedOther, unit: "ms"),
                BenchRow("recovery.monitor", recovery, unit: "ms"),
                BenchRow("lost.monitor", Double(lost), unit: "programs"),
            ]
        }
    }

    func run() throws -> Result {
        let calm = try run("Watching two guests of KVM", script(""))
        let hung = try run(
            "Stopping the QEMU of a guest",
            script("freeze \(Self.offender); sleep \(Self.pause); thaw \(Self.offender)"))
        let killed = try run(
            "Killing the QEMU of a guest",
            script("clock; finish \(Self.offender); await \(Self.offender); begin \(Self.offender)"))
        func excess(_ name: String, _ lines: KVMFaultLines) throws -> Double {
            guard let usual = calm.longest[name], let longest = lines.longest[name] else {
                throw Failure("the guest '\(name)' has not reported")
            }
            return max(0, longest - usual) / 1000
        }
        guard let recovery = killed.recovery else { throw Failure("the guest has not started again") }
        return Result(
            hungGuest: try excess(Self.offender, hung), hungOther: try excess(Self.other, hung),
            killedOther: try excess(Self.other, killed), recovery: recovery, lost: killed.rebirths)
    }

    /// Returns the script that runs both guests, with some commands when both have started.
    private func script(_ fault: String) -> String {
        """
        mkfifo /run/started
        exec 3<>/run/started
        begin \(Self.offender); begin \(Self.other)
        read line <&3; read line <&3
        sleep 1
        \(fault)
        await \(Self.offender); await \(Self.other)
        """
    }

    private func run(_ title: String, _ script: String) throws -> KVMFaultLines {
        let folder = workspace.state.appendingPathComponent("faults-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let crowd = MachineCrowd(count: 1, kind: .debian)
        let manifest = try Manifest.load(path: crowd.write(to: folder).path)
        var machine = try LinuxWorkload(workspace: workspace).added(to: manifest.machines[0])
        machine.commandLine += " rdinit=/workload -- beat 4"
        let guests = try [Self.offender, Self.other].map { try KVMGuest($0, like: machine, workspace: workspace) }
        var host = KVMHost(workspace: workspace, guests: guests, script: script)
        host.files["bin/clock"] = Data("#!/bin/sh\nread up rest </proc/uptime; echo \"kvm clock: $1 $up\"\n".utf8)
        // Nobody waits any more when the guest starts for the second time.
        host.reaction = ("beat: begins", "clock $1; [ -e /run/$1 ] || { touch /run/$1; echo started >/run/started; }")
        var board = KVMBoard(host: host)
        board.timeout = timeout
        var lines = KVMFaultLines()
        try board.run(title) { line, _ in
            if case .guest(let name, let text) = line { lines.hear(text, of: name) }
        }
        return lines
    }
}

/// The reports of the guests, and the times of the host.
struct KVMFaultLines {
    /// The longest time from one wake-up to the next, in microseconds, by the guest's name.
    private(set) var longest: [String: Double] = [:]
    /// The host's times of the fault and of each start, in seconds.
    private var times: [(name: String, seconds: Double)] = []

    mutating func hear(_ text: String, of name: String) {
        if let pair = WorkloadRun.pairs(in: text, behind: "beat: ").first(where: { $0.name == "longest" }) {
            longest[name] = pair.value
        }
        let words = text.split(separator: " ")
        if name == "clock", let seconds = words.last.flatMap({ Double($0) }) {
            times.append((words.count > 1 ? String(words[0]) : "", seconds))
        }
    }

    /// The number of starts behind the fault.
    var rebirths: Int { times.firstIndex { $0.name.isEmpty }.map { times.count - $0 - 1 } ?? 0 }

    /// The time from the fault to the next start of a guest, in milliseconds.
    var recovery: Double? {
        guard let fault = times.firstIndex(where: { $0.name.isEmpty }), fault + 1 < times.count else { return nil }
        return ((times[fault + 1].seconds - times[fault].seconds) * 1000).rounded()
    }
}
