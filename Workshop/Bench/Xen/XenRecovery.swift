import Foundation
import SystemImage
import Tool

/// Lets parts of Xen's first domain die, and at last this domain itself, starts each of them again at once, and finds
/// out how long it takes until there is service again, and what is lost.
///
/// A first domain that crashes takes the board with it: Xen resets the board, and everything starts anew. The clock of
/// the board (PL031) goes on meanwhile. It counts seconds, so the crash falls on the beginning of a second, and the
/// second life measures the time from its guest's start to the beginning of the next second.
struct XenRecovery {
    let workspace: Workspace
    var timeout = Duration.seconds(900)

    /// The date at which the board is turned on, for QEMU and in seconds since 1970.
    private static let (date, epoch) = ("2026-01-01T00:00:00", 1_767_225_600)
    /// The board's age in seconds from which on a life of the first domain is not the first one.
    private static let adult = 8
    /// The guests that live when the first domain crashes.
    static let guests = ["disk", "sleep"]
    /// The time for which a further guest prints, in milliseconds.
    private static let printing = 3000

    func rows() throws -> [BenchRow] {
        let program = try LinuxWorkload(workspace: workspace, name: "pace").build()
        let domains = [("print", Self.printing), ("disk", 100_000), ("sleep", 100_000)].map { step, time in
            XenDomain(
                name: step, memory: 64, script: "/pace \(step) \(time)", files: ["pace": program],
                disk: step == "disk" ? "/dev/loop0" : nil)
        }
        var board = XenBoard(workspace: workspace)
        // The board's clock follows virtual time, as its counter does.
        board.arguments = ["-rtc", "base=\(Self.date),clock=vm"]
        let run = try Progress.step("Crashing Xen's first domain and its parts") {
            try board.run(script: Self.script, domains: domains, timeout: timeout, heard: { Progress.say($0) })
        }
        return try Self.rows(in: run.lines)
    }

    /// The commands of both lives of the first domain.
    static let script = """
        now() { read up rest </proc/uptime; echo $up; }
        # Sets the board's age in seconds.
        look() { read seconds </sys/class/rtc/rtc0/since_epoch; age=$((seconds - \(epoch))); }
        lives() { grep -c 'pace: begins' /var/log/xen/console/guest-$1.log 2>/dev/null; }
        # Starts a guest for the given time, and waits until its first process runs.
        begin() {
            xl create -q /xen/$1.cfg
            until [ "$(lives $1)" = $2 ]; do usleep 10000; done
        }
        head -c 1048576 /dev/zero >/tmp/disk
        losetup /dev/loop0 /tmp/disk
        look
        if [ $age -ge \(adult) ]; then
            begin disk 1
            before=$(now); look; last=$age
            echo "alive: disk"
            while look; [ $age = $last ]; do usleep 1000; done
            echo "born: $before $((last + 1)) $(now)"
            begin sleep 1
            echo "alive: sleep"
        else
            echo -1 >/proc/sys/kernel/panic

            begin print 1
            sleep 1
            log=/var/log/xen/console/guest-print.log
            before=$(now); size=$(wc -c <$log)
            kill -9 $(pidof xenconsoled)
            xenconsoled --pid-file=/run/xen/xenconsoled.pid --log=guest --log-dir=/var/log/xen/console
            until [ $(wc -c <$log) -gt $size ]; do usleep 1000; done
            echo "recovery: console $before $(now)"
            until grep -q '^pace: print [0-9]' $log; do sleep 1; done
            echo "lines: $(grep -c '^pace: a line' $log) $(grep '^pace: print [0-9]' $log | tr -d '\\r')"

            begin disk 1; echo "alive: disk"
            begin sleep 1; echo "alive: sleep"
            sleep 1
            before=$(now)
            xl destroy sleep
            begin sleep 2
            echo "recovery: monitor $before $(now)"
            echo "began: $(lives sleep)"
            sleep 1

            known=$(xl list | grep -c -E '^(disk|sleep) ')
            before=$(now)
            kill -9 $(cat /run/xen/xenstored.pid)
            rm -f /run/xen/xenstored.pid
            xenstored --pid-file /run/xen/xenstored.pid
            xen-init-dom0 >/dev/null
            until xenstore-read /local/domain/0/name >/dev/null 2>&1; do usleep 1000; done
            echo "recovery: store $before $(now)"
            echo "known: $known $(xl list | grep -c -E '^(disk|sleep) ')"

            # The last second is watched closely, because its end is the time of the crash.
            look; last=$((age < \(adult) ? \(adult) : age + 1))
            while look; [ $age -lt $last ]; do usleep 100000; done
            while look; [ $age = $last ]; do usleep 1000; done
            echo "dies: $age"
            echo c >/proc/sysrq-trigger
            sleep 1000
        fi

        """

    /// The names of times that are no others' times. That of the console lasts until its next line is in the log.
    private static let names = ["console": "console-output"]

    /// Reads the lines of both lives.
    ///
    /// - Throws: a `Failure` if a part has not come back.
    static func rows(in lines: [String]) throws -> [BenchRow] {
        var times: [String: Double] = [:]
        var death: Double?
        var alive: [String: Int] = [:]
        var lost: [String: (count: Double, unit: String)] = [:]
        for line in lines {
            let words = line.split(separator: " ").map(String.init)
            let numbers = words.compactMap(Double.init)
            switch words.first {
            case "recovery:":
                if words.count == 4, numbers.count == 2 { times[words[1]] = (numbers[1] - numbers[0]) * 1000 }
            case "dies:": death = numbers.first
            case "born:":
                // The board's clock tells the beginning of a second behind the guest's start.
                if let death, numbers.count == 3 {
                    times["dom0"] = (numbers[1] - death - (numbers[2] - numbers[0])) * 1000
                }
            case "lines:":
                // The program counts what it has printed.
                if numbers.count == 3 { lost["console"] = (max(0, numbers[1] - numbers[0]), "lines") }
            case "began:": lost["monitor"] = numbers.first.map { ($0 - 1, "programs") }
            case "known:":
                if numbers.count == 2 { lost["store"] = (numbers[0] - numbers[1], "machines") }
            case "alive:": if words.count == 2 { alive[words[1], default: 0] += 1 }
            default: break
            }
        }
        lost["dom0"] = (Double(alive.values.count { $0 > 1 }), "machines")
        return try ["console", "monitor", "store", "dom0"].flatMap { part in
            guard let time = times[part], let lost = lost[part] else {
                throw Failure("Xen's \(part) has not come back: \(lines.suffix(20))")
            }
            return [
                // Linux tells its time in hundredths of a second.
                BenchRow("recovery.\(Self.names[part] ?? part)", time.rounded(), unit: "ms"),
                BenchRow("lost.\(part)", lost.count, unit: lost.unit),
            ]
        }
    }
}
