import Foundation
import Testing

@testable import SystemImage
@testable import Tool

/// The image of a disk with an EFI system partition, as a distribution makes it for QEMU's board `virt`: the boot
/// loader `systemd-boot` at the place of removable media, and an entry with Debian's kernel and an initial RAM disk.
enum EFIDisk {
    /// Writes the image. Fetches the boot loader once, and keeps it.
    static func write(to file: URL, commandLine: String) throws {
        let workspace = Workspace(root: Repository.root)
        let guest = DebianGuest(workspace: workspace, flavour: .cloud)
        try guest.prepare()
        let initrd = try guest.initrd(withWatchdog: false, disks: true)
        let entry = "title Debian\nlinux /vmlinuz\ninitrd /initrd\noptions \(commandLine)\n"
        var volume = FATVolume(megabytes: 64)
        volume.make([
            .folder("EFI", [.folder("BOOT", [.file("BOOTAA64.EFI", try loader(workspace))])]),
            .folder(
                "loader",
                [
                    .file("loader.conf", Data("timeout 0\n".utf8)),
                    .folder("entries", [.file("debian.conf", Data(entry.utf8))]),
                ]),
            .file("vmlinuz", try Data(contentsOf: guest.kernel)), .file("initrd", try Data(contentsOf: initrd)),
        ])
        try (partitionTable(sectors: volume.bytes.count / 512) + volume.bytes).write(to: file)
    }

    private static func loader(_ workspace: Workspace) throws -> Data {
        let package = "systemd-boot-efi"
        let kept = workspace.debian.appendingPathComponent("firmware/\(package).bin")
        if let loader = try? Data(contentsOf: kept) { return loader }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("entente-efi-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let apt = PrivateApt(folder: folder.appendingPathComponent("apt"), architecture: "arm64")
        try apt.update()
        try apt.unpack([package], into: folder)
        let loader = try Data(
            contentsOf: folder.appendingPathComponent(package)
                .appendingPathComponent("usr/lib/systemd/boot/efi/systemd-bootaa64.efi"))
        try workspace.make(kept.deletingLastPathComponent())
        try loader.writeWhole(to: kept)
        return loader
    }

    /// Returns the first MiB of a disk, with a partition of type 0xEF behind it (UEFI 2.10, 5.2).
    private static func partitionTable(sectors: Int) -> Data {
        var first = [UInt8](repeating: 0, count: 1 << 20)
        let entry: [UInt8] = [0, 0, 2, 0, 0xEF, 0xFE, 0xFF, 0xFF] + number(2048, 4) + number(sectors, 4)
        first.replaceSubrange(446..<462, with: entry)
        first.replaceSubrange(510..<512, with: [0x55, 0xAA])
        return Data(first)
    }
}

/// Returns a number in little-endian bytes.
private func number(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}

/// A FAT16 file system, which is filled once. Each file has a long name beside a short one that nobody uses.
struct FATVolume {
    indirect enum Node {
        case file(String, Data)
        case folder(String, [Node])
    }

    private(set) var bytes: Data
    private let table: Int
    private var next = 2
    private var shortNames = 0

    private static let sector = 512
    private static let cluster = 4096
    private static let rootEntries = 512

    init(megabytes: Int) {
        let sectors = megabytes << 11
        // Two bytes for each cluster, in whole sectors.
        table = (2 * sectors / 8 + 2 * 2 + 511) / 512
        bytes = Data(count: sectors * Self.sector)
        let label = Array("NO NAME    FAT16   ".utf8)
        let parameters: [[UInt8]] = [
            [0xEB, 0x3C, 0x90], Array("ENTENTE ".utf8), number(512, 2), [8], number(1, 2), [2],
            number(Self.rootEntries, 2), number(sectors < 65536 ? sectors : 0, 2), [0xF8], number(table, 2),
            number(32, 2), number(64, 2), number(2048, 4), number(sectors < 65536 ? 0 : sectors, 4),
            [0x80, 0, 0x29, 1, 2, 3, 4], label,
        ]
        put(parameters.flatMap { $0 }, at: 0)
        put([0x55, 0xAA], at: 510)
        setLink(of: 0, 0xFFF8)
        setLink(of: 1, 0xFFFF)
    }

    private mutating func put(_ new: [UInt8], at offset: Int) {
        bytes.replaceSubrange(offset..<offset + new.count, with: new)
    }

    private mutating func setLink(of cluster: Int, _ value: Int) {
        for copy in 0..<2 { put(number(value, 2), at: (1 + copy * table) * Self.sector + 2 * cluster) }
    }

    private var root: Int { (1 + 2 * table) * Self.sector }
    private func place(_ cluster: Int) -> Int { root + 32 * Self.rootEntries + (cluster - 2) * Self.cluster }

    /// Makes the contents of the root folder.
    mutating func make(_ nodes: [Node]) { put(entries(nodes, parent: 0), at: root) }

    private mutating func allocate(_ size: Int) -> Int {
        let count = max(1, (size + Self.cluster - 1) / Self.cluster)
        for cluster in next..<next + count { setLink(of: cluster, cluster + 1 < next + count ? cluster + 1 : 0xFFFF) }
        defer { next += count }
        return next
    }

    /// Returns the entries of a folder, after its files and folders were made.
    private mutating func entries(_ nodes: [Node], parent: Int) -> [UInt8] {
        var all: [UInt8] = []
        for node in nodes {
            switch node {
            case .file(let name, let contents):
                let first = allocate(contents.count)
                bytes.replaceSubrange(place(first)..<place(first) + contents.count, with: contents)
                all += entry(name, attributes: 0x20, first, size: contents.count)
            case .folder(let name, let inner):
                let first = allocate(Self.cluster)
                let dots = short(".", 0x10, first, 0) + short("..", 0x10, parent, 0)
                let contents = dots + entries(inner, parent: first)
                put(contents, at: place(first))
                all += entry(name, attributes: 0x10, first, size: 0)
            }
        }
        return all
    }

    /// Returns the entries of a long name of at most 13 characters and of its short name.
    private mutating func entry(_ name: String, attributes: UInt8, _ cluster: Int, size: Int) -> [UInt8] {
        shortNames += 1
        let alias = "F\(shortNames)"
        let last = short(alias, attributes, cluster, size)
        let checksum = last[..<11].reduce(UInt8(0)) { ($0 >> 1 | $0 << 7) &+ $1 }
        var units = Array(name.utf16)
        if units.count < 13 { units += [0] + [UInt16](repeating: 0xFFFF, count: 12 - units.count) }
        let text = units.flatMap { number(Int($0), 2) }
        return [0x41] + text[..<10] + [0x0F, 0, checksum] + text[10..<22] + [0, 0] + text[22...] + last
    }

    private func short(_ name: String, _ attributes: UInt8, _ cluster: Int, _ size: Int) -> [UInt8] {
        let padded = Array(name.utf8) + [UInt8](repeating: 0x20, count: 11 - name.utf8.count)
        return padded + [attributes] + [UInt8](repeating: 0, count: 14) + number(cluster, 2) + number(size, 4)
    }
}
