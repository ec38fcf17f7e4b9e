import DiskPool
import Foundation
import SystemImage

/// The pools of a system. No run uses one of them while this object or the pool lives.
final class SystemPools {
    let pools: [PoolFile]
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
        let files = try DiskFiles(of: manifest, workspace: workspace, folder: folder, making: isMaking)
        // Whole disks and partitions are none of the tool's business.
        let plain = Set(manifest.disks.clients.flatMap(\.disks).filter { $0.place != .pool }.map(\.boardDisk))
        pools = try files.files.filter { boardDisk ?? $0.disk.name == $0.disk.name && !plain.contains($0.disk.name) }
            .compactMap { file in
                isMaking ? try PoolPreparation.open(file) : try PoolFile.open(file)
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
        throw Self.noDisk(disk, name, pools.flatMap(\.disks).map(\.name.text))
    }

    static func noDisk(_ disk: String, _ system: String, _ names: [String]) -> Failure {
        Failure(
            "the system '\(system)' has no disk or snapshot '\(disk)'",
            remedy: names.isEmpty
                ? "'./entente disk create' and './entente disk import' make disks"
                : "choose from \(names.joined(separator: ", "))")
    }
}

extension PoolFile {
    /// The pool as `list` and `show` present it.
    var listing: PoolListing {
        PoolListing(
            boardDisk: boardDisk, place: file.shortPath, bytes: size, freeUnits: UInt64(pool.freeUnits), disks: disks,
            damaged: Set(disks.map(\.index).filter(pool.isDamaged)))
    }

    /// Copies a disk or snapshot into a file, whose name decides the format.
    func export(_ name: String, to target: URL) throws {
        guard let index = index(of: name) else { throw PoolError.noSuchDisk.failure("'\(name)'") }
        let format = DiskImageFile.format(ofName: target)
        try Progress.step("Copying the disk '\(name)' into \(target.shortPath)") {
            try PartialFile.making(target) { part in
                guard format != .raw else { return try exportContents(of: index, named: name, to: part) }
                let folder = target.deletingLastPathComponent()
                try PartialFile.temporary(in: folder, named: "\(target.lastPathComponent).raw") { raw in
                    try exportContents(of: index, named: name, to: raw)
                    try DiskImageFile.convert(raw, .raw, to: part, format)
                }
            }
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
            let unitSize = UInt64(PoolLayout.unitSize)
            var (report, done) = (CopyReport(total: size - min(size, UInt64(pool.freeUnits) * unitSize)), UInt64(0))
            let read: (UInt32) -> [UInt32]? = {
                done += unitSize
                report.done(min(done, report.total))
                return self.unit($0)
            }
            return PoolCheck(pool, verifiesData: true, read: read, checksum: memory.checksum(words:))
        }
    }
}
