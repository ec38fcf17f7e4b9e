import Foundation
import Testing

@testable import SystemImage
@testable import Tool

extension SystemTests {
    /// The parts that the tool adds to a system with disks.
    @Suite(.serialized) struct DiskTests {
        /// A disk of a pool and a whole disk work in Linux. Each of the three parts behind them dies while Linux writes
        /// and reads. Linux sees a delay and no error, and finds all data again, also after the board's restart.
        @Test func linuxKeepsItsDataWhenPartsDie() throws {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("entente-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            var options = BootOptions()
            options.disks = folder
            do {
                let system = try RunningSystem("Tests/Systems/debian-disks.yaml", options: options)
                try system.wait(for: "Enter 'help'", on: "web")
                let script = [
                    "dd if=/dev/urandom of=/tmp/r bs=64k count=16 2>/dev/null; n=0; while true; do",
                    "for d in vda vdb; do dd if=/tmp/r of=/dev/$d bs=64k seek=$((n % 8 * 16)) conv=fsync 2>/dev/null;",
                    "echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/$d bs=64k skip=$((n % 8 * 16)) count=16 2>/dev/null |",
                    "cmp - /tmp/r && echo right $d $n; done; n=$((n + 1)); done &\n",
                ].joined(separator: " ")
                try system.type(script, on: "web")
                var round = 0
                for part in ["block-driver", "storage", "web.disks", "storage", "block-driver"] {
                    try system.wait(for: "right vdb \(round)\r", on: "web")
                    try system.type("kill \(part)\n", on: "root")
                    try system.wait(for: "back: \(part), life", on: "root")
                    round += 3
                }
                try system.wait(for: "right vdb \(round)\r", on: "web")
                try system.type("kill %1; sync; dmesg | grep -c 'I/O error'; md5sum </tmp/r | cut -c1-8\n", on: "web")
                try system.wait(for: "\r\n0\r", on: "web")
            }
        }

        /// The tool lists, makes, copies and deletes disks while Linux writes to one of them. A snapshot keeps the old
        /// contents, and the pool is sound afterwards.
        @Test func theToolControlsDisksOfARunningSystem() throws {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("entente-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            var options = BootOptions()
            options.disks = folder
            func arguments(_ verb: String, _ rest: [String]) -> [String] {
                ["disk", verb, Repository.file("Tests/Systems/debian-disks.yaml").path] + rest
                    + ["--disks", folder.path]
            }
            do {
                let system = try RunningSystem("Tests/Systems/debian-disks.yaml", options: options)
                func disk(_ verb: String, _ rest: String...) throws -> (status: Int32, output: String, errors: String) {
                    try system.whileItRuns(tool: arguments(verb, rest))
                }
                try system.wait(for: "Enter 'help'", on: "web")
                try system.type(
                    "yes old | dd of=/dev/vda bs=64k count=16 iflag=fullblock conv=fsync; echo begins | tr a-z A-Z\n",
                    on: "web")
                try system.wait(for: "BEGINS", on: "web")
                try checkAttributes(system)
                #expect(try disk("snapshot", "web.root", "before").status == 0)
                let load = [
                    "n=0; while true; do yes new$n | dd of=/dev/vda bs=64k count=16 iflag=fullblock conv=fsync",
                    "2>/dev/null && echo wrote $n; n=$((n + 1)); done &\n",
                ].joined(separator: " ")
                try system.type(load, on: "web")
                try system.wait(for: "wrote 1\r", on: "web")
                for round in 0..<3 {
                    #expect(try disk("clone", "web.root", "copy\(round)").status == 0)
                    #expect(try disk("snapshot", "web.root", "s\(round)").status == 0)
                    #expect(try disk("create", "empty", "4MiB").status == 0)
                    let listing = try disk("list")
                    #expect(listing.status == 0 && listing.output.contains("\nweb.root@s\(round) "))
                    #expect(try disk("delete", "empty").status == 0)
                    try system.wait(for: "wrote \(2 + round)\r", on: "web")
                }
                // The disk control dies while it has an order. The order has happened or not, and the next one does.
                for life in 2...4 {
                    try system.type("\(life) snapshot 0 web.root@k\(life) web.root\n", on: "disk-control")
                    try system.type("kill disk-control\n", on: "root")
                    try system.wait(for: "back: disk-control, life \(life)", on: "root")
                    #expect(try disk("clone", "web.root", "life\(life)").status == 0)
                }
                let listed = try disk("list").output
                #expect((2...4).allSatisfy { listed.contains("\nlife\($0) ") })
                let again = try disk("snapshot", "web.root", "before")
                #expect(again.status == 1 && again.errors.contains("another disk or snapshot has the name"))
                let used = try disk("delete", "web.root")
                #expect(used.status == 1 && used.errors.contains("of the running system"))
                let check = try disk("check")
                #expect(check.status == 1 && check.errors.contains("needs the system off"))
                #expect(try disk("grow", "web.root", "36MiB").status == 0)
                try system.type("kill %1; sync; dmesg | grep -c 'I/O error'\n", on: "web")
                try system.wait(for: "\r\n0\r", on: "web")
                try checkGrowth(system)
            }
            let workspace = Workspace(root: Repository.root)
            let manifest = try Manifest.load(path: Repository.file("Tests/Systems/debian-disks.yaml").path)
            let pool = try #require(
                try SystemPools(of: manifest, workspace: workspace, folder: folder, only: "main").pools.first)
            let result = try pool.check(repairing: false)
            #expect(result.isSound, "\(result.text)")
            let copy = folder.appendingPathComponent("before.raw")
            try pool.export("web.root@before", to: copy)
            let start = try #require(try FileHandle(forReadingFrom: copy).read(upToCount: 1 << 20))
            // A failed comparison of so much data would describe each difference, which takes very long.
            let isOld = start == Data(String(repeating: "old\n", count: 1 << 18).utf8)
            #expect(isOld, "the snapshot begins with \(String(decoding: start.prefix(64), as: UTF8.self))")
        }

        /// Linux finds a queue for each processor, the disk's name, and a switch of the write cache. Each processor's
        /// queue works, with the write cache on and off.
        private func checkAttributes(_ system: RunningSystem) throws {
            let facts = try system.run(
                "cd /sys/block/vda; cat serial; echo; cat size mq/*/cpu_list cache_type queue/write_cache", on: "web")
            #expect(facts.output == "web.root\n65536\n0\n1\nwrite back\nwrite back\n")
            let work = [
                "for type in through back; do echo write $type >/sys/block/vda/cache_type;",
                "cat /sys/block/vda/cache_type /sys/block/vda/queue/write_cache; for cpu in 0 1; do",
                "yes $type$cpu | head -c 65536 >/tmp/in;",
                "taskset -c $cpu dd if=/tmp/in of=/dev/vda bs=64k seek=100 conv=fsync 2>/dev/null;",
                "echo 3 >/proc/sys/vm/drop_caches;",
                "taskset -c $cpu dd if=/dev/vda of=/tmp/out bs=64k skip=100 count=1 2>/dev/null;",
                "cmp /tmp/in /tmp/out && echo same; done; done",
            ].joined(separator: " ")
            let result = try system.run(work, on: "web")
            let lines = ["through", "back"].map { "write \($0)\nwrite \($0)\nsame\nsame\n" }
            #expect(result.output == lines.joined())
        }

        /// Linux notices that its disk has grown, and uses the new part.
        private func checkGrowth(_ system: RunningSystem) throws {
            let work = [
                "while [ $(cat /sys/block/vda/size) != 73728 ]; do usleep 100000; done;",
                "yes end | head -c 65536 >/tmp/in; dd if=/tmp/in of=/dev/vda bs=64k seek=575 conv=fsync 2>/dev/null;",
                "echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/vda of=/tmp/out bs=64k skip=575 2>/dev/null;",
                "cmp /tmp/in /tmp/out && echo same",
            ].joined(separator: " ")
            #expect(try system.run(work, on: "web").output == "same\n")
        }

        /// Root executes the whole plan of disks, again after each death. The machine starts when its disks are ready,
        /// also in its second life.
        @Test func eachPartRestartsAlone() throws {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("entente-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            var options = BootOptions()
            options.disks = folder
            let system = try RunningSystem("Tests/Systems/disks.yaml", options: options)
            try system.wait(for: "opened the pool", on: "storage")
            try system.wait(for: "has panicked", on: "guest")
            for part in ["block-driver", "storage", "guest.disks", "owner"] {
                try system.type("kill \(part)\n", on: "root")
                try system.wait(for: "back: \(part), life 2", on: "root")
            }
            try system.wait(for: "opened the pool", on: "storage")
            try system.wait(for: "heartbeat 1", on: "owner")
            try system.type("kill guest\n", on: "root")
            try system.wait(for: "back: guest, life 2", on: "root")
            try system.wait(for: "has panicked", on: "guest")
            try system.type("restarts\n", on: "root")
            for part in ["storage", "guest.disks"] { try system.wait(for: "\(part): runs, died 1 times", on: "root") }
        }
    }
}
