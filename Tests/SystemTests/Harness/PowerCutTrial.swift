import DiskPool
import Foundation
import SystemImage

@testable import Tool

#if canImport(Glibc)
    import Glibc
#endif

/// A machine with a file system, which loses its power again and again, and the things that must survive. Meanwhile
/// the running system makes and deletes snapshots and clones of its disk.
final class PowerCutTrial {
    /// The numbers of records and rows that the machine has made durable in all.
    private(set) var (records, rows) = (0, 0)
    private(set) var copies = LiveCopies(of: disk)
    /// The journal modes of sqlite, by cut.
    private(set) var modes: [String] = []
    private var random: SeededRandom
    private let folder: URL
    /// The records of the log, and the rows of the database, that must be there.
    private var (loggedRecords, storedRows) = (0, 0)

    private static let path = "Tests/Systems/power-cut.yaml"
    private static let disk = "guest.data"
    /// The log and the database are made anew above these numbers, so that the checks stay short.
    private static let (mostRecords, mostRows) = (2000, 2000)

    /// Makes a pool with a disk that holds an empty file system.
    init(seed: UInt64) throws {
        random = SeededRandom(seed: seed)
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("entente-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let image = folder.appendingPathComponent("image")
        try Subprocess("truncate", ["-s", "48M", image.path]).run()
        try Subprocess("mke2fs", ["-q", "-t", "ext4", "-F", image.path]).run()
        let pool = try pools(making: true).first()
        try pool.importImage(image, as: Self.disk, bytes: nil, Bool.random(using: &random))
        try pool.commit()
    }

    func remove() { try? FileManager.default.removeItem(at: folder) }

    private func pools(making isMaking: Bool = false) throws -> SystemPools {
        let workspace = Workspace(root: Repository.root)
        let manifest = try workspace.manifest(
            at: Repository.file(Self.path).path, overriding: BoardOverrides(), askingForCriticality: false)
        return try SystemPools(of: manifest, workspace: workspace, folder: folder, making: isMaking)
    }

    // MARK: Cuts

    /// Lets the machine work, and cuts its power at a random moment.
    func runAndCut() throws {
        var options = BootOptions()
        options.disks = folder
        let workspace = Workspace(root: Repository.root)
        let system = try RunningSystem(Self.path, options: options) { tenant in
            guard case .machine(let machine) = tenant else { return }
            tenant = .machine(try DiskGuest(workspace: workspace).added(to: machine))
        }
        _ = try system.run("true", on: "guest", timeout: .seconds(180))
        let texts = ConsoleTexts(
            of: ["guest", "root", "storage", "disk-control"], in: system,
            alarms: ["work: cannot", "has errors", "workload: cannot", "I/O error", "malformed", "not found\n"])
        try greet(texts)
        let isAnew = loggedRecords > Self.mostRecords || storedRows > Self.mostRows
        if isAnew { (loggedRecords, storedRows) = (0, 0) }
        // With synchronous=FULL, sqlite does not make the removal of its journal durable in the mode 'delete', so that
        // the last row may be taken back. All of its other modes promise each row.
        let mode = ["persist", "wal", "truncate"].randomElement(using: &random) ?? "wal"
        modes.append(mode)
        try system.type("sh /work \(mode) \(isAnew ? "anew" : "on") &\n", on: "guest")
        // Some cuts hit the replay of the journal, and the recovery of the database.
        if Int.random(in: 0..<4, using: &random) > 0 {
            try texts.wait(for: "append: synced", on: "guest")
            try texts.wait(for: "sql: synced", on: "guest")
        }
        try giveOrders(for: .milliseconds(Int.random(in: 0...1500, using: &random)), texts)
        kill(system.processIdentifier, SIGKILL)
        try system.waitForEnd()
        try copies.hear(try texts.takeLast("disk-control"))
        try note(try texts.takeLast("guest"))
    }

    /// Waits until the disk control reads its console.
    private func greet(_ texts: ConsoleTexts) throws {
        let end = ContinuousClock.now + .seconds(120)
        while !texts.texts["disk-control", default: ""].contains("0 done\n") {
            guard ContinuousClock.now < end else { throw SystemFailure(description: "no answer of the disk control") }
            // The line feed in front ends a line of which a part was lost.
            try texts.system.type("\n0 hello 0\n", on: "disk-control")
            try texts.pass(.milliseconds(200))
        }
    }

    /// Lets the system make and delete snapshots and clones, one after the other with short pauses.
    private func giveOrders(for duration: Duration, _ texts: ConsoleTexts) throws {
        let end = ContinuousClock.now + duration
        while ContinuousClock.now < end {
            try copies.hear(texts.texts["disk-control", default: ""])
            if copies.isIdle {
                let guest = String(texts.texts["guest", default: ""].suffix(4000))
                let contents = LiveCopies.Contents(
                    records: Self.numbers("append: synced ", in: guest).last ?? loggedRecords,
                    rows: Self.numbers("sql: synced ", in: guest).last ?? storedRows)
                try texts.system.type(try copies.order(contents, &random), on: "disk-control")
            }
            try texts.pass(.milliseconds([2, 2, 30].randomElement(using: &random) ?? 2))
        }
    }

    /// Returns the numbers in the whole lines that begin with a text.
    private static func numbers(_ prefix: String, in text: String) -> [Int] {
        text.split(separator: "\n").filter { $0.hasPrefix(prefix) }.compactMap { Int($0.dropFirst(prefix.count)) }
    }

    /// Notes what the machine has acknowledged, and compares what it found.
    private func note(_ text: String) throws {
        func numbers(_ prefix: String) -> [Int] { Self.numbers(prefix, in: text) }
        for (name, wanted) in [("append", loggedRecords), ("sql", storedRows)] {
            if let found = numbers("\(name): found ").first, found < wanted {
                throw SystemFailure(description: "the machine found \(found) instead of \(wanted) by '\(name)'")
            }
        }
        records += numbers("append: synced ").count
        rows += numbers("sql: synced ").count
        loggedRecords = numbers("append: synced ").last ?? loggedRecords
        storedRows = numbers("sql: synced ").last ?? storedRows
    }

    // MARK: Checks

    /// Checks the pool, the copies of the disk, the file system and the files.
    func verify() throws {
        let pool = try pools().first()
        let check = try pool.check(repairing: false)
        guard check.isSound else { throw SystemFailure(description: check.text) }
        try copies.reconcile(with: pool.disks)
        let present = LiveCopies.Contents(records: loggedRecords, rows: storedRows)
        try verifyFileSystem(try exported(Self.disk, of: pool), present)
        try copies.verifyOne(&random, export: { try exported($0, of: pool) }, verify: verifyFileSystem)
    }

    private func exported(_ name: String, of pool: PoolFile) throws -> URL {
        let target = folder.appendingPathComponent("copy")
        try? FileManager.default.removeItem(at: target)
        guard let index = pool.index(of: name) else { throw SystemFailure(description: "'\(name)' is lost") }
        try pool.exportContents(of: index, named: name, to: target)
        return target
    }

    private func verifyFileSystem(_ copy: URL, _ least: LiveCopies.Contents) throws {
        // The status 1 tells that the file system was changed, as the replay of its journal does.
        let replay = try Subprocess("e2fsck", ["-y", "-E", "journal_only", copy.path]).outcome()
        guard replay.status <= 1 else { throw SystemFailure(description: replay.text) }
        let check = try Subprocess("e2fsck", ["-f", "-n", copy.path]).outcome()
        guard check.status == 0 else { throw SystemFailure(description: check.text) }

        let names = ["log", "db", "db-journal", "db-wal"]
        for name in names {
            let target = folder.appendingPathComponent(name)
            try? FileManager.default.removeItem(at: target)
            _ = try Subprocess("debugfs", ["-R", "dump /\(name) \(target.path)", copy.path]).outcome()
        }
        let found = AppendLog.records(in: (try? Data(contentsOf: folder.appendingPathComponent("log"))) ?? Data())
        guard found >= least.records else {
            throw SystemFailure(description: "the log has \(found) records instead of \(least.records)")
        }
        try verifyDatabase(folder.appendingPathComponent("db"), rows: least.rows)
    }

    private func verifyDatabase(_ file: URL, rows: Int) throws {
        guard rows > 0 else { return }
        let said = try Subprocess(
            "sqlite3", [file.path, "PRAGMA integrity_check; SELECT count(*) = max(n), max(n) FROM t;"]
        ).outcome().text
        guard let match = said.wholeMatch(of: /ok\n1\|([0-9]+)\n/), let found = Int(match.1), found >= rows else {
            throw SystemFailure(description: "the database has not all of \(rows) rows: \(said)")
        }
    }
}

/// The log that `Guests/Linux/append.c` writes.
enum AppendLog {
    /// Returns the number of whole records at the beginning.
    static func records(in data: Data) -> Int {
        let words = 125
        return data.withUnsafeBytes { bytes in
            var found = 0
            while (found + 1) * words * 8 <= bytes.count {
                let first = mix(UInt64(found + 1))
                for word in 0..<words {
                    let value = bytes.loadUnaligned(fromByteOffset: (found * words + word) * 8, as: UInt64.self)
                    guard UInt64(littleEndian: value) == first &+ UInt64(word) else { return found }
                }
                found += 1
            }
            return found
        }
    }

    /// The finalizer of SplitMix64.
    private static func mix(_ seed: UInt64) -> UInt64 {
        var value = seed &+ 0x9E37_79B9_7F4A_7C15
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
