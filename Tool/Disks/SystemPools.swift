import DiskPool
import Foundation
import SystemImage

/// The pools of a system, which no run uses while this object lives.
final class SystemPools {
    let pools: [PoolFile]
    private let files: DiskFiles
    private let name: String

    /// Opens the pools.
    ///
    /// - Parameters:
    ///   - folder: the folder of the board's disks, or nil for that of the system.
    ///   - boardDisk: the only board's disk that counts, or nil if all do.
    ///   - isMaking: true to make pools that do not exist yet.
    init(
        of manifest: Manifest, workspace: Workspace, folder: URL? = nil, only boardDisk: String? = nil,
        making isMaking: Bool = false
    ) throws {
        name = manifest.name
        files = try DiskFiles(of: manifest, workspace: workspace, folder: folder, making: isMaking)
        // Whole disks and partitions are none of the tool's business.
        let plain = Set(manifest.disks.clients.flatMap(\.disks).filter { $0.place != .pool }.map(\.boardDisk))
        pools = try files.files.filter { boardDisk ?? $0.disk.name == $0.disk.name && !plain.contains($0.disk.name) }
            .compactMap { file in
                isMaking
                    ? try PoolPreparation.open(file) : try PoolFile.open(file.file, boardDisk: file.disk.name)
            }
        if pools.isEmpty {
            throw Failure(
                "the system '\(name)' has no pool" + (boardDisk.map { " on the board's disk '\($0)'" } ?? ""),
                remedy: isMaking
                    ? "name a disk below 'disks' of the board that nobody uses by 'whole' or 'partition'"
                    : "'./entente run' and './entente disk create' make it")
        }
    }

    func first() throws -> PoolFile { pools[0] }

    /// Returns the pool with a disk or snapshot.
    func pool(of disk: String) throws -> PoolFile {
        if let pool = pools.first(where: { $0.index(of: disk) != nil }) { return pool }
        let names = pools.flatMap(\.disks).map(\.name.text)
        throw Failure(
            "the system '\(name)' has no disk or snapshot '\(disk)'",
            remedy: names.isEmpty
                ? "'./entente disk create' and './entente disk import' make disks"
                : "choose from \(names.joined(separator: ", "))")
    }
}

extension PoolFile {
    /// The size of `units` units, as people write it.
    private func text(units: Int) -> String { Self.text(bytes: UInt64(units) * UInt64(PoolLayout.unitSize)) }

    /// Returns a size with one decimal.
    static func text(bytes: UInt64) -> String {
        for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] where bytes >= 1 << shift {
            return String(format: "%.1f %@", Double(bytes) / Double(1 << shift), unit)
        }
        return "\(bytes) bytes"
    }

    /// The pool and its disks, a line each.
    var listing: String {
        let rows =
            [["NAME", "KIND", "SIZE", "USED", "FROM"]]
            + disks.map { disk in
                [
                    disk.name.text, disk.isSnapshot ? "snapshot" : disk.isClone ? "clone" : "disk",
                    Self.text(bytes: disk.sectors * 512), text(units: Int(disk.used)), disk.origin.text,
                ]
            }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }.joined(separator: "  ")
        }
        let head =
            "pool of '\(boardDisk)' in \(file.shortPath): \(Self.text(bytes: size)), \(text(units: pool.freeUnits)) free"
        return ([head] + lines).map { $0.trimmingCharacters(in: .whitespaces) + "\n" }.joined()
    }

    /// Returns what is known of a disk or snapshot, a line each.
    func description(of name: String) throws -> String {
        guard let index = index(of: name), let disk = pool.description(of: index) else {
            throw PoolError.noSuchDisk.failure("'\(name)'")
        }
        var lines = [
            "name: \(name)", "kind: \(disk.isSnapshot ? "snapshot" : disk.isClone ? "clone" : "disk")",
            "pool: \(boardDisk), in \(file.shortPath)", "size: \(disk.sectors * 512) bytes",
            "used: \(text(units: Int(disk.used))), with its snapshots",
            "reserved: \(text(units: Int(disk.reserved)))",
            "limit: \(disk.quota == 0 ? "none" : text(units: Int(disk.quota)))",
            "checksums: \(disk.hasChecksums ? "yes" : "no")",
        ]
        if !disk.origin.isEmpty { lines.append("made from: \(disk.origin.text)") }
        if disk.clones > 0 { lines.append("clones: \(disk.clones)") }
        if pool.isDamaged(index) { lines.append("damaged: its record cannot be used") }
        return lines.map { $0 + "\n" }.joined()
    }

    /// Copies a disk or snapshot into a file, whose name decides the format.
    func export(_ name: String, to target: URL) throws {
        guard let index = index(of: name) else { throw PoolError.noSuchDisk.failure("'\(name)'") }
        let format = DiskImageFile.format(ofName: target)
        try Progress.step("Copying the disk '\(name)' into \(target.shortPath)") {
            guard format != .raw else { return try exportContents(of: index, named: name, to: target) }
            guard !FileManager.default.fileExists(atPath: target.path) else {
                throw Failure("\(target.path) exists already", remedy: "name another file, or remove this one")
            }
            let raw = target.deletingLastPathComponent().appendingPathComponent(".\(UUID().uuidString).raw")
            defer { try? FileManager.default.removeItem(at: raw) }
            try exportContents(of: index, named: name, to: raw)
            try DiskImageFile.convert(raw, .raw, to: target, format)
        }
    }

    /// The result of a check.
    struct CheckResult {
        var text: String
        var isSound: Bool
    }

    /// Verifies the pool, and corrects it if asked to.
    func check(repairing isRepairing: Bool) throws -> CheckResult {
        let found = check()
        let disk = { (index: Int) in self.pool.description(of: index)?.name.text ?? "record \(index)" }
        var lines = found.faults.map { fault in
            "\(fault.record >= 0 ? "'\(disk(fault.record))': " : "")\(fault.text)"
        }
        var isSound = found.serious.isEmpty
        if isRepairing, !isSound {
            let corrected = pool.repair(found)
            try commit()
            lines.append("corrected: \(corrected)")
            isSound = check().serious.isEmpty
        }
        let verdict = isSound ? "sound" : "at fault"
        lines.append("pool of '\(boardDisk)': \(disks.count) disks and snapshots, \(verdict)")
        return CheckResult(text: lines.map { $0 + "\n" }.joined(), isSound: isSound)
    }

    private func check() -> PoolCheck {
        Progress.step("Checking the pool of '\(boardDisk)' in \(file.shortPath)") {
            PoolCheck(pool, verifiesData: true, read: unit, checksum: memory.checksum(words:))
        }
    }
}
