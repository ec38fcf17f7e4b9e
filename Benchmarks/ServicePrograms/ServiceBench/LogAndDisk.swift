import Entente
import LineLog

extension ServiceBench {
    /// Appends lines of 56 bytes, as Guests/Linux/services.c does.
    func measureLog() {
        let keeper = LineLogClient(named: "keeper")
        let line: ShortText = "2026-01-01 00:00:00 gateway: the door of gate 7 is open"
        let before = (try? keeper.length()) ?? 0
        measure("log.append", count) { _ in require((try? keeper.append(line)) != nil, "append a line") }
        let turns = UInt64(count + min(count, 64))
        require((try? keeper.length()) == before + turns * UInt64(line.count + 1), "find all lines in the log")
    }

    /// Reads items from a disk of the component's own, one at a time.
    func measureDisk() {
        var disks = BlockClient(named: "disks")
        let disk = BlockClient.disk(named: "data")
        let capacity = disks.waitForDisk(disk).capacity
        require(capacity >= 8 * keyCount, "find the disk")
        var seed: UInt64 = 1
        measure("disk.read", count) { _ in
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let sector = (seed >> 33) % keyCount * 8
            let request = BlockRequest(.read, disk: disk, sector: sector, length: 4096, offset: 0)
            require(disks.perform(request) == .ok, "read the disk")
        }
    }
}
