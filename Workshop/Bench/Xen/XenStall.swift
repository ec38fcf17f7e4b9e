import Foundation
import SystemImage
import Tool

/// Stops, kills and slows the parts of Xen's first domain while guests run, and finds out which of them stand still,
/// and for how long. All share one core, so a guest may wait for its turn even if nothing is wrong.
struct XenStall {
    let workspace: Workspace
    var timeout = Duration.seconds(900)

    /// The time in milliseconds that a harm lasts, if it does not last for ever.
    static let duration = 2000
    /// The time that the guests run. They need a while until they have started.
    private static let lifetime = 6000

    /// A part of the first domain, and what happens to it.
    struct Harm {
        /// The offender and the kind of the harm.
        var name: String
        /// The commands of the first domain.
        var script: String
    }

    static let harms = [
        Harm(name: none, script: "sleep 2"),
        Harm(
            name: "xenstored.hung",
            script: "kill -STOP $(cat /run/xen/xenstored.pid); sleep 2; kill -CONT $(cat /run/xen/xenstored.pid)"),
        Harm(name: "xenstored.killed", script: "kill -9 $(cat /run/xen/xenstored.pid); sleep 2"),
        Harm(
            name: "xenconsoled.hung",
            script: "kill -STOP $(pidof xenconsoled); sleep 2; kill -CONT $(pidof xenconsoled)"),
        Harm(
            name: "xenconsoled.killed",
            script: "kill -9 $(pidof xenconsoled); sleep 2; xenconsoled --log=guest --log-dir=/var/log/xen/console"),
        Harm(name: "dom0.hung", script: "/pace hang \(duration)"),
        Harm(
            name: "dom0.slowed",
            script: "xl sched-credit2 -d 0 -c 5; sleep 2; xl sched-credit2 -d 0 -c 0"),
    ]

    /// The guests, by their steps in `Guests/Linux/pace.c`.
    static let guests = ["sleep", "disk", "print"]
    /// A small command of the toolstack, which the first domain performs again and again.
    private static let toolstack = "/bin/xl domid Domain-0"
    /// All that may stand still.
    static let victims = guests + ["toolstack"]

    /// Returns how long each guest, and the toolstack, stood still at most, in milliseconds of the board's time.
    func stalls(by harm: Harm) throws -> [String: Double] {
        let program = try LinuxWorkload(workspace: workspace, name: "pace").build()
        let domains = Self.guests.map { step in
            XenDomain(
                name: step, memory: 64, script: "/pace \(step) \(Self.lifetime)",
                files: ["pace": program], disk: step == "disk" ? "/dev/loop0" : nil)
        }
        let run = try XenBoard(workspace: workspace).run(
            script: Self.script(harm), domains: domains, files: ["pace": program], timeout: timeout,
            heard: { Progress.say($0) })
        return Self.stalls(in: run.lines)
    }

    static func script(_ harm: Harm) -> String {
        """
        head -c 1048576 /dev/zero >/tmp/disk
        losetup /dev/loop0 /tmp/disk
        echo -1 >/proc/sys/kernel/sched_rt_runtime_us
        for name in \(guests.joined(separator: " ")); do xl create -q /xen/$name.cfg; done
        for name in \(guests.joined(separator: " ")); do
            until show $name 2>/dev/null | grep -q 'pace: begins'; do usleep 100000; done
        done
        /pace run \(lifetime) \(toolstack) >/tmp/toolstack &
        sleep 1
        \(harm.script)
        sleep \(lifetime / 1000)
        for name in \(guests.joined(separator: " ")); do
            show $name | tr -d '\\r' | grep '^pace: [a-z]* [0-9]'
        done
        sed -n 's/^pace: run /pace: toolstack /p' /tmp/toolstack

        """
    }

    /// Reads lines `pace: STEP COUNT MICROSECONDS`.
    static func stalls(in lines: [String]) -> [String: Double] {
        var stalls: [String: Double] = [:]
        for line in lines where line.hasPrefix("pace: ") {
            let words = line.split(separator: " ")
            guard words.count == 4, Int(words[2]) != nil, let time = Double(words[3]) else { continue }
            stalls[String(words[1])] = time / 1000
        }
        return stalls
    }

    /// Returns by how much longer each guest stood still than without a harm, at least 0.
    func excess() throws -> [BenchRow] { Self.excess(of: try rows()) }

    static func excess(of rows: [BenchRow]) -> [BenchRow] {
        let usual = Dictionary(rows.map { ($0.name, $0.value) }) { $1 }
        return rows.filter { !$0.name.contains(none) }.compactMap { row in
            guard let victim = row.name.split(separator: ".").last,
                let least = usual["xen.stall.\(none).\(victim)"]
            else { return nil }
            return BenchRow(row.name, max(0, row.value - least), unit: row.unit)
        }
    }

    private static let none = "none.none"

    func rows(harms: [Harm] = XenStall.harms) throws -> [BenchRow] {
        try harms.flatMap { harm in
            let found = try Progress.step("Harming Xen's first domain: \(harm.name)") { try self.stalls(by: harm) }
            return try Self.victims.map { victim in
                guard let time = found[victim] else { throw Failure("\(harm.name): '\(victim)' has not reported") }
                return BenchRow("xen.stall.\(harm.name).\(victim)", time, unit: "ms")
            }
        }
    }
}
