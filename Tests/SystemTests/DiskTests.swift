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
