import ABI
import Yams

// Checks of disks across the manifest.
extension ManifestParser {
    /// Checks that whole disks and partitions have one user.
    func checkUsers(_ disks: SystemDisks) {
        var users: [String: [(title: String, place: DiskDescription.Place)]] = [:]
        for template in disks.templates {
            users[template.boardDisk, default: []].append(("disk '\(template.name)'", .pool))
        }
        for declaration in declarations.flatMap(\.disks) {
            let (disk, section) = (declaration.disk, declaration.section)
            if let other = users[disk.boardDisk]?.first(where: { $0.place.excludes(disk.place) }) {
                section.report(
                    at: disk.place == .pool ? "board-disk" : disk.place == .whole ? "whole" : "partition",
                    "\(section.title) is \(disk.place.text(on: disk.boardDisk)), and \(other.title) is "
                        + "\(other.place.text(on: disk.boardDisk))",
                    remedy: "give one of them another disk of the board by 'board-disk'")
            }
            users[disk.boardDisk, default: []].append((section.title, disk.place))
        }
    }

    /// Checks that the disks of a pool fit, even if each of them is full. Otherwise one user could take the space that
    /// another one was promised.
    func checkSize(of declaration: SharedDiskDeclaration<BoardDiskDescription>, _ disks: SystemDisks) {
        let boardDisk = declaration.disk
        let parts =
            disks.templates.filter { $0.boardDisk == boardDisk.name }.map { ($0.name, $0.knownSize ?? 0) }
            + disks.pool(of: boardDisk.name).map { ($0.name, $0.disk.knownSize(disks.templates) ?? 0) }
        let sum = parts.reduce(UInt64(0)) { min($0 + $1.1, UInt64.max / 4) }
        // The pool's own data takes less than a hundredth.
        let needed = (sum + sum / 100).aligned(to: BoardDiskDescription.granule)
        guard needed > boardDisk.size else { return }
        let names = parts.filter { $0.1 > 0 }.map { "'\($0.0)' (\(ByteSize(bytes: $0.1)))" }
        declaration.section.report(
            at: "size",
            enumerated(names)
                + " need\(names.count == 1 ? "s" : "") \(ByteSize(bytes: needed)) with the pool's own data, more than the "
                + "\(ByteSize(bytes: boardDisk.size)) of \(declaration.section.title)",
            remedy: "write 'size: \(ByteSize(bytes: needed.aligned(to: 1 << 30)))'; its file takes only the space that "
                + "was written")
    }

    /// Checks names against those of the tenants that the tool adds, and against the sizes of names.
    func checkNames(_ disks: SystemDisks) {
        let reserved = [DiskTenant.storage, DiskTenant.driver, DiskTenant.control]
        for declaration in declarations where reserved.contains(declaration.name) {
            source.report(
                at: declaration.mark,
                "\(declaration.title) has the name of a part that the tool adds to a system with disks",
                remedy: "choose another; \(enumerated(reserved)) are taken")
        }
        for declaration in groupDeclarations where reserved.contains(declaration.group.name) {
            source.report(
                at: declaration.mark,
                "\(declaration.title) has the name of a part that the tool adds to a system with disks",
                remedy: "choose another; \(enumerated(reserved)) are taken")
        }
        for declaration in declarations where !declaration.disks.isEmpty {
            let names =
                (declaration.isMachine ? [(DiskTenant.backend(of: declaration.name), declaration.mark)] : [])
                + declaration.disks.map {
                    (DiskDescription.poolName($0.disk.name, of: declaration.name), $0.section.mark)
                }
            for (name, mark) in names where name.utf8.count > TenantDescription.maximumName {
                source.report(
                    at: mark,
                    "the name '\(name.shortened)', which the tool makes of those of the \(declaration.isMachine ? "machine" : "component") "
                        + "and its disks, has \(name.utf8.count) bytes, but at most \(TenantDescription.maximumName) fit",
                    remedy: "shorten one of both")
            }
        }
    }

    /// Checks the bits of a component's notification. Devices and the connection to the disks take them from the same
    /// eight.
    func checkComponents() {
        for declaration in declarations where !declaration.disks.isEmpty {
            guard let component = declaration.tenant.component, component.devices.count == DeviceRequest.maximum
            else { continue }
            source.report(
                at: declaration.marks["devices"] ?? declaration.mark,
                "\(declaration.title) has \(DeviceRequest.maximum) devices and disks, but at most "
                    + "\(DeviceRequest.maximum - 1) devices are possible beside disks",
                remedy: "let another component drive one of the devices")
        }
    }
}

extension DiskDescription.Place {
    /// Returns true if one disk of the board cannot have disks at both places.
    fileprivate func excludes(_ other: Self) -> Bool {
        switch (self, other) {
        case (.pool, .pool): false
        case (.partition(let one), .partition(let other)): one == other
        default: true
        }
    }

    fileprivate func text(on boardDisk: String) -> String {
        switch self {
        case .pool: "in the pool of '\(boardDisk)'"
        case .whole: "the whole of '\(boardDisk)'"
        case .partition(let number): "partition \(number) of '\(boardDisk)'"
        }
    }
}
