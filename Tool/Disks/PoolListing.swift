import DiskPool
import Foundation

/// A pool with its disks and snapshots, as `list` and `show` present it.
struct PoolListing {
    /// The name of the board's disk, and the place of its file.
    var boardDisk: String
    var place: String
    /// The size of the pool.
    var bytes: UInt64
    var freeUnits: UInt64
    /// The disks and snapshots with names, sorted by name.
    var disks: [DiskPool.DiskDescription]
    /// The indices of those whose records cannot be used.
    var damaged: Set<Int>

    /// The pool and its disks, a line each.
    var text: String {
        let rows =
            [["NAME", "KIND", "SIZE", "USED", "FROM"]]
            + disks.map { disk in
                [
                    disk.name.text, disk.kind, Self.text(bytes: disk.sectors * 512), Self.text(units: disk.used),
                    disk.origin.text,
                ]
            }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }.joined(separator: "  ")
        }
        let head =
            "pool of '\(boardDisk)' in \(place): \(Self.text(bytes: bytes)), "
            + "\(Self.text(bytes: freeUnits * UInt64(PoolLayout.unitSize))) free"
        return ([head] + lines).map { $0.trimmingCharacters(in: .whitespaces) + "\n" }.joined()
    }

    /// Returns what is known of a disk or snapshot, a line each.
    func description(of name: String) throws -> String {
        guard let disk = disks.first(where: { $0.name.text == name }) else {
            throw PoolError.noSuchDisk.failure("'\(name)'")
        }
        var lines = [
            "name: \(name)", "kind: \(disk.kind)", "pool: \(boardDisk), in \(place)",
            "size: \(disk.sectors * 512) bytes", "used: \(Self.text(units: disk.used)), with its snapshots",
            "reserved: \(Self.text(units: disk.reserved))",
            "limit: \(disk.quota == 0 ? "none" : Self.text(units: disk.quota))",
            "checksums: \(disk.hasChecksums ? "yes" : "no")",
        ]
        if !disk.origin.isEmpty { lines.append("made from: \(disk.origin.text)") }
        if disk.clones > 0 { lines.append("clones: \(disk.clones)") }
        if damaged.contains(disk.index) { lines.append("damaged: its record cannot be used") }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func text(units: UInt32) -> String { text(bytes: UInt64(units) * UInt64(PoolLayout.unitSize)) }

    /// Returns a size with one decimal.
    static func text(bytes: UInt64) -> String {
        for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] where bytes >= 1 << shift {
            return String(format: "%.1f %@", Double(bytes) / Double(1 << shift), unit)
        }
        return "\(bytes) bytes"
    }
}

extension DiskPool.DiskDescription {
    fileprivate var kind: String { isSnapshot ? "snapshot" : isClone ? "clone" : "disk" }
}
