import Foundation
import Testing

@testable import Tool

extension SystemTests {
    /// The board's disk 'plain' fails at some sectors, or does not answer. Its user gets errors or waits, and the
    /// others go on.
    @Suite(.serialized) struct DiskFaultTests {
        /// Boots the system with two disks of the board, the second one with further options of QEMU.
        private func boot(in folder: URL, _ options: (URL) throws -> [String]) throws -> RunningSystem {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            var boot = BootOptions()
            boot.disks = folder
            boot.extraArguments = try options(folder).flatMap { ["-set", "drive.disk1.\($0)"] }
            return try RunningSystem("Tests/Systems/disk-load.yaml", options: boot)
        }

        private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "entente-\(UUID().uuidString)")

        @Test func errorsAtSomeSectorsReachTheirRequesterAlone() throws {
            defer { try? FileManager.default.removeItem(at: folder) }
            let system = try boot(in: folder) { folder in
                let rules = folder.appendingPathComponent("rules")
                // Each error happens without end.
                try Data(
                    """
                    [inject-error]
                    event = "write_aio"
                    sector = "2048"
                    [inject-error]
                    event = "read_aio"
                    sector = "4096"

                    """.utf8
                ).write(to: rules)
                return ["file=blkdebug:\(rules.path):\(folder.appendingPathComponent("plain.raw").path)"]
            }
            func transfers(_ arguments: String, on machine: String = "left") throws -> Bool {
                try system.run("dd bs=4k count=1 \(arguments)", on: machine, timeout: .seconds(180)).status == 0
            }
            for sector in [2040, 2056, 4096] {
                #expect(try transfers("if=/dev/zero of=/dev/vdb seek=\(sector / 8) oflag=direct conv=fsync"))
            }
            #expect(try !transfers("if=/dev/zero of=/dev/vdb seek=256 conv=fsync"))
            try system.wait(for: "disk 1, sector 2048", on: "storage")
            #expect(try transfers("if=/dev/vdb of=/dev/null skip=511 iflag=direct"))
            #expect(try !transfers("if=/dev/vdb of=/dev/null skip=512 iflag=direct"))
            try system.wait(for: "disk 1, sector 4096", on: "storage")
            // The disks of the pool have not noticed, and none of the parts has died.
            for machine in ["left", "right"] {
                #expect(try transfers("if=/dev/zero of=/dev/vda oflag=direct conv=fsync", on: machine))
                #expect(try transfers("if=/dev/vda of=/dev/null iflag=direct", on: machine))
            }
            try system.type("restarts\n", on: "root")
            for part in ["block-driver", "storage"] { try system.wait(for: "\(part): runs, died 0 times", on: "root") }
        }

        /// The disk stops answering after 2 MiB. Its user waits, while the same machine's other disk and the other
        /// machine go on. If the driver dies then, its next life serves the others again.
        @Test func aDiskThatNeverAnswersStallsItsOwnUserAlone() throws {
            defer { try? FileManager.default.removeItem(at: folder) }
            // The emulator lets a burst of 2 MiB pass, and then one byte in a second.
            let system = try boot(in: folder) { _ in
                ["throttling.bps-total=1", "throttling.bps-total-max=\(2 << 20)"]
            }
            for machine in ["left", "right"] { _ = try system.run("true", on: machine, timeout: .seconds(180)) }
            let waits = "dd if=/dev/zero of=/dev/vdb bs=64k count=100 oflag=direct >/tmp/d 2>&1; touch /tmp/ended"
            #expect(try system.run("(\(waits)) </dev/null >/dev/null 2>&1 &", on: "left").status == 0)
            func work(on machine: String, _ place: Int) throws {
                let copied = try system.run(
                    "for n in 0 1 2 3 4; do "
                        + "dd if=/dev/zero of=/dev/vda bs=4k count=100 seek=$((n + \(place))) oflag=direct conv=fsync "
                        + "|| exit 1; done",
                    on: machine, timeout: .seconds(180))
                #expect(copied.status == 0)
            }
            for machine in ["left", "right"] { try work(on: machine, 0) }
            #expect(try system.run("test -e /tmp/ended", on: "left").status == 1)
            try system.type("kill block-driver\n", on: "root")
            try system.wait(for: "back: block-driver, life 2", on: "root")
            for machine in ["left", "right"] { try work(on: machine, 500) }
        }
    }
}
