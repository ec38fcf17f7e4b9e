import ABI
import DiskPool
import Foundation
import SystemImage
import Testing

@testable import Tool

extension SystemTests {
    /// Everything that can go wrong below a pool goes wrong in one system: the board's disk fails at sectors of data
    /// and of metadata, and in a flush; bits of data and of metadata have flipped; and the pool gets full.
    ///
    /// Each requester gets an error and the log a line. Nobody gets a wrong answer or waits for ever, and the other
    /// machine goes on.
    @Suite(.serialized) struct PoolFaultTests {
        private static let path = "Tests/Systems/disk-load.yaml"
        private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "entente-\(UUID().uuidString)")

        @Test func errorsBelowAPoolReachTheirRequesterAlone() throws {
            defer { try? FileManager.default.removeItem(at: folder) }
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let faults = try PoolFaults(Self.path, in: folder)
            let system = try boot(faults)
            for machine in ["left", "right"] { _ = try system.run("true", on: machine, timeout: .seconds(180)) }
            let guests = Guests(system: system)

            try expectFailingFlush(guests)
            try expectFailingCommit(guests)
            try expectFailingData(guests)
            try expectDamage(guests, faults)
            try expectRecoveryOfAFullPool(guests)

            #expect(try guests.digest("right", units: 41..<49) == faults.digest(of: 41..<49))
            try system.type("restarts\n", on: "root")
            for part in ["block-driver", "storage"] { try system.wait(for: "\(part): runs, died 0 times", on: "root") }
        }

        private func boot(_ faults: PoolFaults) throws -> RunningSystem {
            let rules = folder.appendingPathComponent("rules")
            try Data(faults.rules.utf8).write(to: rules)
            var options = BootOptions()
            options.disks = folder
            let file = folder.appendingPathComponent("main.raw")
            options.extraArguments = ["-set", "drive.disk0.file=blkdebug:\(rules.path):\(file.path)"]
            return try RunningSystem(Self.path, options: options)
        }

        /// One flush of the device fails. One fsync fails with it, and the later ones succeed.
        private func expectFailingFlush(_ guests: Guests) throws {
            let results = try (0..<8).map { _ in try guests.writes("right", unit: 1) }
            #expect(results.count { !$0 } == 1 && results.last == true, "\(results)")
        }

        /// One write of a superblock fails, and with it all changes until storage has tried again.
        private func expectFailingCommit(_ guests: Guests) throws {
            var attempts = 0
            while try guests.writes("left", unit: 40), attempts < 8 { attempts += 1 }
            #expect(attempts < 8)
            try guests.system.wait(for: "fails: its pool cannot be changed", on: "storage")
            try guests.system.wait(for: "works again", on: "storage")
            for machine in ["left", "right"] { #expect(try guests.writes(machine, unit: 40)) }
        }

        private func expectFailingData(_ guests: Guests) throws {
            for unit in [19, 21] { #expect(try guests.reads("right", unit: unit)) }
            #expect(try !guests.reads("right", unit: PoolFaults.unreadable))
            try guests.expectLine(unit: PoolFaults.unreadable)
            for unit in [29, 31] { #expect(try guests.writes("right", unit: unit)) }
            #expect(try !guests.writes("right", unit: PoolFaults.unwritable))
            try guests.expectLine(unit: PoolFaults.unwritable)
        }

        /// Units with a flipped bit, and parts of disks whose nodes have one or cannot be read.
        private func expectDamage(_ guests: Guests, _ faults: PoolFaults) throws {
            for (machine, unit) in [
                ("left", PoolFaults.flipped), ("left", PoolFaults.secondLeaf + 5), ("right", PoolFaults.secondLeaf + 6),
            ] {
                #expect(try !guests.reads(machine, unit: unit))
                try guests.expectLine(unit: unit)
            }
            let before = 0..<PoolFaults.flipped
            #expect(try guests.digest("left", units: before) == faults.digest(of: before))
            #expect(try !guests.writes("left", unit: PoolFaults.secondLeaf + 7))
        }

        /// A complaint about other systems: "a virtio block service runs out of data space and never recovers".
        private func expectRecoveryOfAFullPool(_ guests: Guests) throws {
            // The pool has room for 32 MiB beside the contents of the disks, and each snapshot keeps 16 MiB of them.
            var round = 0
            var isFull = false
            while !isFull, round < 4 {
                try guests.order("snapshot 0 left.data@full\(round) left.data")
                isFull = try !guests.fills("left", PoolFaults.secondLeaf)
                round += 1
            }
            #expect(isFull && round > 1)
            try guests.system.wait(for: "failed with status \(BlockStatus.noSpace.rawValue)", on: "storage")
            #expect(try guests.writes("right", unit: 2) && guests.reads("left", unit: 0))
            for number in 0..<round { try guests.order("delete 0 left.data@full\(number)") }
            // The space of a deleted snapshot comes back in steps.
            var attempts = 0
            while try !guests.fills("left", PoolFaults.secondLeaf), attempts < 20 { attempts += 1 }
            #expect(attempts < 20)
        }
    }
}

/// The machines of a system, whose disks consist of units of 16 KiB.
private struct Guests {
    let system: RunningSystem

    private func succeeds(_ command: String, on machine: String) throws -> Bool {
        try system.run(command, on: machine, timeout: .seconds(180)).status == 0
    }

    func reads(_ machine: String, unit: Int) throws -> Bool {
        try succeeds("dd if=/dev/vda of=/dev/null bs=16k count=1 skip=\(unit) iflag=direct", on: machine)
    }

    /// Writes a unit, and makes it durable.
    func writes(_ machine: String, unit: Int) throws -> Bool {
        try succeeds("dd if=/dev/zero of=/dev/vda bs=16k count=1 seek=\(unit) oflag=direct conv=fsync", on: machine)
    }

    /// Writes all units before `end`.
    func fills(_ machine: String, _ end: Int) throws -> Bool {
        try succeeds("dd if=/dev/zero of=/dev/vda bs=256k count=\(end / 16) oflag=direct conv=fsync", on: machine)
    }

    func digest(_ machine: String, units: Range<Int>) throws -> String {
        let read = "dd if=/dev/vda bs=16k skip=\(units.lowerBound) count=\(units.count) iflag=direct"
        return String(try system.run("\(read) 2>/dev/null | sha256sum", on: machine).output.prefix(64))
    }

    func expectLine(unit: Int) throws { try system.wait(for: "disk 0, sector \(unit * 32),", on: "storage") }

    /// Gives an order to the disk control, and waits until it is done.
    func order(_ text: String) throws {
        let token = UInt32.random(in: 1 ... .max)
        try system.type("\(token) \(text)\n", on: "disk-control")
        try system.wait(for: "\(token) done", on: "disk-control")
    }
}

/// A pool with two full disks, and the faults in it and below it. The disk of the machine 'left' has checksums.
private struct PoolFaults {
    // Virtual units of the disks of 'right' and of 'left'.
    static let (unreadable, unwritable, flipped) = (20, 30, 10)
    /// The first unit of the second node of a map.
    static let secondLeaf = 1024

    /// The rules of QEMU's `blkdebug`.
    private(set) var rules = ""
    private let image: Data

    init(_ path: String, in folder: URL) throws {
        image = (0..<2048).reduce(into: Data()) { image, unit in
            image.append(Data(repeating: UInt8(unit / 251 + 1), count: PoolLayout.unitSize / 2))
            image.append(Data(repeating: UInt8(unit % 251 + 1), count: PoolLayout.unitSize / 2))
        }
        let file = folder.appendingPathComponent("image")
        try image.write(to: file)
        let workspace = Workspace(root: Repository.root)
        let manifest = try workspace.manifest(
            at: Repository.file(path).path, overriding: BoardOverrides(), askingForCriticality: false)
        let pool = try SystemPools(of: manifest, workspace: workspace, folder: folder, only: "main", making: true)
            .first()
        for (name, hasChecksums) in [("left.data", true), ("right.data", false)] {
            try pool.importImage(file, as: name, bytes: nil, hasChecksums)
        }
        try pool.commit()

        let (left, right) = (try Places("left.data", pool), try Places("right.data", pool))
        for unit in [try left.data(Self.flipped), try left.leaf(Self.secondLeaf)] {
            try flipABit(of: unit, in: folder.appendingPathComponent("main.raw"))
        }
        add("read_aio", sector: try right.data(Self.unreadable) * 32)
        add("read_aio", sector: try right.leaf(Self.secondLeaf) * 32)
        add("write_aio", sector: try right.data(Self.unwritable) * 32)
        // A superblock.
        add("write_aio", sector: 0, "once = \"on\"")
        for state in 1...3 {
            rules += "[set-state]\nevent = \"flush_to_disk\"\nstate = \"\(state)\"\nnew_state = \"\(state + 1)\"\n"
        }
        add("flush_to_disk", "state = \"4\"\niotype = \"flush\"\nonce = \"on\"")
    }

    private mutating func add(_ event: String, sector: UInt32? = nil, _ rest: String = "") {
        rules += "[inject-error]\nevent = \"\(event)\"\n\(sector.map { "sector = \"\($0)\"\n" } ?? "")\(rest)\n"
    }

    private func flipABit(of unit: UInt32, in file: URL) throws {
        let handle = try FileHandle(forUpdating: file)
        defer { try? handle.close() }
        let place = UInt64(unit) * UInt64(PoolLayout.unitSize) + 1000
        try handle.seek(toOffset: place)
        let byte = try handle.read(upToCount: 1)?.first ?? 0
        try handle.seek(toOffset: place)
        try handle.write(contentsOf: Data([byte ^ 4]))
    }

    /// The check sum of units of the image.
    func digest(of units: Range<Int>) throws -> String {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("entente-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try image.subdata(in: units.lowerBound << 14..<units.upperBound << 14).write(to: file)
        return String(try Subprocess("sha256sum", [file.path]).text().prefix(64))
    }
}

/// The places of a disk's units in its pool.
private struct Places {
    private let root: UInt32
    private let pool: PoolFile

    init(_ name: String, _ pool: PoolFile) throws {
        guard let index = pool.index(of: name), pool.pool.record(index).height == 2 else {
            throw SystemFailure(description: "'\(name)' has not the height that the test expects")
        }
        (root, self.pool) = (pool.pool.record(index).root.unit, pool)
    }

    /// Returns the unit of the node that names a unit of data.
    func leaf(_ unit: Int) throws -> UInt32 { try child(unit / 1024, of: root) }
    func data(_ unit: Int) throws -> UInt32 { try child(unit % 1024, of: try leaf(unit)) }

    private func child(_ number: Int, of node: UInt32) throws -> UInt32 {
        guard let words = pool.unit(node), words[number * 4] != 0 else {
            throw SystemFailure(description: "the map names no unit \(number)")
        }
        return words[number * 4]
    }
}
