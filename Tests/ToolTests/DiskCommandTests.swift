import DiskPool
import Foundation
import SystemImage
import Testing

@testable import Tool

/// The work of `./entente disk`.
@Suite struct DiskCommandTests {
    private let workspace: Workspace

    init() throws { workspace = try makeWorkspace() }

    private func remove() { try? FileManager.default.removeItem(at: workspace.root) }

    private func manifest(
        _ disks: String = "{d: {size: 1MiB}}", board: String = "{main: {size: 32MiB}, second: {size: 32MiB}}"
    ) throws -> Manifest {
        let file = workspace.root.appendingPathComponent("system.yaml")
        let text = "system: worked\ncomponents: {a: {target: Heartbeat, disks: \(disks)}}\nboard: {disks: \(board)}"
        try Data(text.utf8).write(to: file)
        return try Manifest.load(path: file.path)
    }

    private func pools(making isMaking: Bool = false, only boardDisk: String? = nil) throws -> SystemPools {
        try SystemPools(of: manifest(), workspace: workspace, only: boardDisk, making: isMaking)
    }

    @Test func aSystemThatNeverRanHasNoPool() throws {
        defer { remove() }
        let failure = #expect(throws: Failure.self) { try pools() }
        #expect(failure?.problem == "the system 'worked' has no pool")
        #expect(failure?.remedy?.contains("'./entente disk create'") == true)
        #expect(!FileManager.default.fileExists(atPath: workspace.disks.path))
        #expect(try pools(making: true).pools.map(\.boardDisk) == ["main", "second"])
        #expect(try pools(only: "second").pools.map(\.boardDisk) == ["second"])
    }

    @Test func filesOfARunAreLeftAlone() throws {
        defer { remove() }
        let run = try DiskFiles(of: manifest(), workspace: workspace)
        let failure = #expect(throws: Failure.self) { try pools() }
        #expect(failure?.problem.contains("is open in another run of the tool") == true)
        withExtendedLifetime(run) {}
    }

    /// A command that works for long, such as an import, keeps only the pool.
    @Test func aPoolKeepsItsFileLocked() throws {
        defer { remove() }
        let pool = try pools(making: true).first()
        let failure = #expect(throws: Failure.self) { try pools() }
        #expect(failure?.problem.contains("is open in another run of the tool") == true)
        withExtendedLifetime(pool) {}
    }

    @Test func wholeDisksAreNoPools() throws {
        defer { remove() }
        let manifest = try manifest("{d: {board-disk: second, whole: true}, e: {size: 1MiB}}")
        #expect(try SystemPools(of: manifest, workspace: workspace, making: true).pools.map(\.boardDisk) == ["main"])
    }

    @Test func disksAreListedAndShown() throws {
        defer { remove() }
        let pools = try pools(making: true)
        let pool = try pools.first()
        _ = try pool.create("a.d", bytes: 1 << 20, hasChecksums: true)
        pool.memory.window.initializeMemory(as: UInt8.self, repeating: 1)
        try pool.perform(.write, disk: 0, sector: 0, count: 64)
        try pool.perform(.snapshot(try pool.poolName("a.d@before")), on: "a.d")
        try pool.perform(.clone(DiskOptions(name: try pool.poolName("copy"), sectors: 0)), on: "a.d@before")
        let lines = pool.listing.text.split(separator: "\n").map(String.init)
        #expect(lines[0].contains("pool of 'main' in") && lines[0].contains(": 32.0 MiB, "))
        #expect(
            lines.dropFirst() == [
                "NAME        KIND      SIZE     USED      FROM", "a.d         disk      1.0 MiB  48.0 KiB",
                "a.d@before  snapshot  1.0 MiB  0 bytes   a.d", "copy        clone     1.0 MiB  0 bytes   a.d@before",
            ])
        let text = try pools.pool(of: "copy").listing.description(of: "copy")
        #expect(text.contains("kind: clone\n") && text.contains("made from: a.d@before\n"))
        #expect(try pool.listing.description(of: "a.d@before").contains("clones: 1\n"))
        let failure = #expect(throws: Failure.self) { try pools.pool(of: "b") }
        #expect(failure?.problem == "the system 'worked' has no disk or snapshot 'b'")
        #expect(failure?.remedy == "choose from a.d, a.d@before, copy")
    }

    @Test func impossibleWishesAreRefused() throws {
        defer { remove() }
        let pool = try pools(making: true).first()
        _ = try pool.create("a.d", bytes: 2 << 20, hasChecksums: false)
        try pool.perform(.snapshot(try pool.poolName("a.d@s")), on: "a.d")
        try pool.perform(.clone(DiskOptions(name: try pool.poolName("c"), sectors: 0)), on: "a.d@s")
        func problem(_ operation: PoolRequest.Operation, _ name: String) -> String? {
            #expect(throws: Failure.self) { try pool.perform(operation, on: name) }?.description
        }
        #expect(problem(.grow(2048), "a.d")?.contains("a disk does not become smaller") == true)
        #expect(problem(.delete, "a.d@s")?.contains("delete the clones first") == true)
        #expect(problem(.delete, "x")?.contains("there is no such disk or snapshot") == true)
        #expect(problem(.snapshot(try pool.poolName("c")), "a.d")?.contains("has the name") == true)
        #expect(throws: Failure.self) { try pool.poolName("") }
        for name in ["", "new~", "a.d@s~", "a\u{1B}[2J", String(repeating: "x", count: 65)] {
            #expect(throws: Failure.self) { try PoolFile.newName(name) }
        }
        #expect(try PoolFile.newName("a~b é").text == "a~b é")
    }

    @Test func damageIsFoundAndCorrected() throws {
        defer { remove() }
        let file = workspace.disks.appendingPathComponent("worked/main.raw")
        var (node, data): (UInt32, UInt32) = (0, 0)
        do {
            let pool = try pools(making: true).first()
            _ = try pool.create("a.d", bytes: 1 << 20, hasChecksums: true)
            pool.memory.window.initializeMemory(as: UInt8.self, repeating: 1)
            try pool.perform(.write, disk: 0, sector: 0, count: 32)
            try pool.commit()
            node = pool.pool.record(0).root.unit
            data = try #require(pool.unit(node))[0]
            let result = try pool.check(repairing: false)
            #expect(result.isSound && result.text == "pool of 'main': 1 disks and snapshots, sound\n")
        }
        func damage(_ unit: UInt32) throws {
            let handle = try FileHandle(forUpdating: file)
            try handle.seek(toOffset: UInt64(unit) * 16384 + 8000)
            try handle.write(contentsOf: Data([0xAA]))
            try handle.close()
        }
        // Both slots of the only block of the space map.
        for unit in [4, 5] { try damage(UInt32(unit)) }
        do {
            let first = try pools().first()
            #expect(try !first.check(repairing: false).isSound)
            let repaired = try first.check(repairing: true)
            #expect(repaired.isSound && repaired.text.contains("corrected: 1\n"))
        }
        try damage(data)
        let second = try pools().first().check(repairing: true)
        #expect(!second.isSound && second.text.contains("'a.d': ") && second.text.contains("the data is lost"))
        try damage(node)
        #expect(try !pools().first().check(repairing: true).isSound)
    }

    @Test func sizesAreMultiplesOfASector() {
        #expect(DiskSize(argument: "2GiB")?.bytes == 2 << 30)
        for wrong in ["", "0", "100", "1TiB", "-1"] { #expect(DiskSize(argument: wrong) == nil) }
    }
}
