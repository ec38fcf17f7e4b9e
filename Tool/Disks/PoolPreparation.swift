import DiskPool
import Foundation
import SystemImage

/// Makes the pools and disks of a system before it starts, as far as they are missing.
struct PoolPreparation {
    let disks: SystemDisks
    /// Returns the image of the root file system of a Debian, after it has been made.
    let image: (DebianSystem) throws -> URL
    /// Shows a warning to the user.
    var warn: (Diagnostic) -> Void = Progress.warn

    func prepare(_ files: DiskFiles) throws {
        guard disks.isUsed else { return }
        for file in files.files where disks.hasPool(file.disk.name) {
            let pool = try Self.open(file)
            try removeUnfinished(in: pool)
            for template in disks.templates where template.boardDisk == file.disk.name {
                try make(template, in: pool)
            }
            for (name, disk) in disks.pool(of: file.disk.name) { try make(DiskMaking(disk, name: name), in: pool) }
            try pool.commit()
        }
    }

    /// Opens a pool, or makes it in a file without data.
    static func open(_ file: DiskFiles.DiskFile) throws -> PoolFile {
        if let pool = try PoolFile.open(file) {
            warn(of: pool, file.disk)
            return pool
        }
        guard try isEmpty(file) else {
            throw Failure(
                "the disk '\(file.disk.name)' in \(file.file.shortPath) holds data, and no pool",
                remedy: "use it as it is by 'whole: true' or 'partition', or name another file by 'file:'")
        }
        return try PoolFile.format(file)
    }

    /// Warns of a pool that is smaller than its disk, because a pool keeps the size that it was made with.
    private static func warn(of pool: PoolFile, _ disk: BoardDiskDescription) {
        guard disk.growsFile, pool.size + UInt64(PoolLayout.unitSize) <= disk.size else { return }
        Progress.warn(
            Diagnostic(
                "the disk '\(disk.name)' has \(ByteSize(bytes: disk.size)), but its pool was made with "
                    + "\(ByteSize(bytes: pool.size)), and keeps that size",
                remedy: "give the board a further disk, and new disks its name by 'board-disk'", severity: .warning))
    }

    /// Returns true if a file may become a pool: it must be zero where the formats of disks and file systems have their
    /// descriptions, which is the first and last megabyte. A file of the tool's own may have been a whole disk before.
    private static func isEmpty(_ file: DiskFiles.DiskFile) throws -> Bool {
        let handle = try FileHandle(forReadingFrom: file.file)
        defer { try? handle.close() }
        // The making of a pool in a file of the tool's own may have been interrupted. It writes these units last.
        if file.disk.file == nil {
            let superblocks = try handle.read(upToCount: Int(PoolLayout.superblockUnits) * PoolLayout.unitSize)
            let start = try handle.read(upToCount: PoolLayout.unitSize) ?? Data()
            // Btrfs leaves the first 64 KiB free.
            let isBtrfs = start.dropFirst(64).starts(with: Data("_BHRfS_M".utf8))
            return superblocks?.allSatisfy { $0 == 0 } ?? true && !isBtrfs
        }
        let size = try handle.seekToEnd()
        for offset in [0, size - min(size, 1 << 20)] {
            try handle.seek(toOffset: offset)
            if try handle.read(upToCount: 1 << 20)?.contains(where: { $0 != 0 }) == true { return false }
        }
        return true
    }

    /// Removes disks that an earlier run has left without all of their contents.
    private func removeUnfinished(in pool: PoolFile) throws {
        for disk in pool.disks where disk.name.text.hasSuffix(PoolFile.unfinished) {
            try pool.perform(.delete, on: disk.name.text)
        }
    }

    // MARK: Disks

    private func make(_ template: DiskTemplate, in pool: PoolFile) throws {
        guard let debian = template.debian else { return try make(DiskMaking(template), in: pool) }
        let users = disks.pool(of: template.boardDisk).filter { $0.disk.cloneOf == template.name }
        for user in users { warnOfOtherPackages(user.name, debian, in: pool) }
        // A machine's disk keeps what it has, also when Debian or the list of packages has changed.
        guard users.contains(where: { pool.index(of: $0.name) == nil }) else { return }
        var making = DiskMaking(template)
        making.image = try image(debian)
        try make(making, in: pool)
    }

    private func warnOfOtherPackages(_ name: String, _ debian: DebianSystem, in pool: PoolFile) {
        guard let index = pool.index(of: name), let origin = pool.pool.description(of: index)?.origin.text,
            !origin.isEmpty, origin != debian.templateName
        else { return }
        warn(
            Diagnostic(
                "the disk '\(name)' was made with other packages of Debian than the manifest has now, and keeps its contents",
                remedy:
                    "install packages in the machine, or delete the disk by './entente disk delete', with all its files",
                severity: .warning))
    }

    private func make(_ making: DiskMaking, in pool: PoolFile) throws {
        if let index = pool.index(of: making.name) {
            try grow(making, index, in: pool)
        } else if let template = making.cloneOf {
            try clone(making, of: template, in: pool)
        } else {
            try create(making, in: pool)
        }
        try reserve(making, in: pool)
    }

    private func grow(_ making: DiskMaking, _ index: Int, in pool: PoolFile) throws {
        guard let sectors = making.sectors, sectors > pool.pool.record(index).sectors else { return }
        Progress.say("==> Enlarging the disk '\(making.name)' to \(ByteSize(bytes: sectors * 512))")
        try pool.perform(.grow(sectors), on: making.name)
    }

    private func clone(_ making: DiskMaking, of template: String, in pool: PoolFile) throws {
        guard let source = pool.index(of: template) else { throw PoolError.noSuchDisk.failure("'\(template)'") }
        // The clone may be larger, and gets its name when it has its size.
        let name = making.name + PoolFile.unfinished
        try pool.perform(.clone(DiskOptions(name: try pool.poolName(name), sectors: 0)), on: template)
        if let sectors = making.sectors {
            if sectors < pool.pool.record(source).sectors {
                throw Failure(
                    "'\(making.name)' has \(ByteSize(bytes: sectors * 512)), less than '\(template)', of which it is a clone",
                    remedy: "raise its 'size', or leave it out")
            }
            if sectors > pool.pool.record(source).sectors { try pool.perform(.grow(sectors), on: name) }
        }
        try pool.perform(.rename(try pool.poolName(making.name)), on: name)
    }

    private func create(_ making: DiskMaking, in pool: PoolFile) throws {
        guard let image = making.image else {
            let bytes = (making.sectors ?? 0) * 512
            _ = try pool.create(making.name, bytes: bytes, hasChecksums: making.hasChecksums)
            return
        }
        try pool.importImage(image, as: making.name, bytes: making.sectors.map { $0 * 512 }, making.hasChecksums)
    }

    /// Promises a disk all of its space, so that no other one can take it.
    private func reserve(_ making: DiskMaking, in pool: PoolFile) throws {
        guard making.isReserved, let index = pool.index(of: making.name) else { return }
        let record = pool.pool.record(index)
        let data = (record.sectors + UInt64(PoolLayout.sectorsPerUnit) - 1) / UInt64(PoolLayout.sectorsPerUnit)
        // A node of the map names 1024 units, and few nodes lie above those.
        let units = data + data / 512 + 4
        guard UInt64(record.reserved) < units else { return }
        do {
            try pool.perform(.limit(quota: 0, reserved: UInt32(units)), on: making.name)
        } catch {
            throw Failure(
                "the pool of '\(pool.boardDisk)' in \(pool.file.shortPath) has no room for all of '\(making.name)' "
                    + "(\(ByteSize(bytes: record.sectors * 512)))",
                remedy: "put it on another disk of the board, or delete disks and snapshots by './entente disk delete'")
        }
    }
}

/// A disk that a pool should have.
private struct DiskMaking {
    var name: String
    var sectors: UInt64?
    var image: URL?
    var cloneOf: String?
    var hasChecksums = false
    /// False for a disk that nobody writes.
    var isReserved: Bool

    init(_ template: DiskTemplate) {
        (name, image, isReserved) = (template.name, template.image, false)
        sectors = template.size.map { $0 / 512 }
    }

    init(_ disk: SystemImage.DiskDescription, name: String) {
        (self.name, image, cloneOf) = (name, disk.image, disk.cloneOf)
        (hasChecksums, isReserved) = (disk.hasChecksums, !disk.isReadOnly)
        sectors = disk.size.map { $0 / 512 }
    }
}

extension PoolFile {
    /// Makes a disk with the contents of an image. The disk gets its name when it has all of them.
    ///
    /// - Parameter bytes: the size of the disk, or nil for that of the image.
    func importImage(_ image: URL, as name: String, bytes: UInt64?, _ hasChecksums: Bool) throws {
        try DiskImageFile(image).withRaw(beside: file) { raw in
            let size = (UInt64(try raw.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0) + 511) & ~511
            if let bytes, bytes < size {
                throw Failure(
                    "'\(name)' has \(ByteSize(bytes: bytes)), but the image \(image.shortPath) has \(ByteSize(bytes: size))",
                    remedy: "raise its size, or leave it out")
            }
            try Progress.step("Copying \(image.shortPath) into the disk '\(name)'") {
                let unfinished = name + Self.unfinished
                // An import that was interrupted has left a part. Nobody else has the pool open.
                if self.index(of: unfinished) != nil { try perform(.delete, on: unfinished) }
                let index = try create(unfinished, bytes: bytes ?? size, hasChecksums: hasChecksums)
                do {
                    try importContents(of: raw, to: index, named: name)
                } catch {
                    _ = try? perform(.delete, on: unfinished)
                    throw error
                }
                try perform(.rename(try poolName(name)), on: unfinished)
            }
        }
    }
}
