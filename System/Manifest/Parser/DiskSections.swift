import Yams

/// A disk of a machine or a component, with the section to which checks across the manifest point.
struct DiskDeclaration {
    var disk: DiskDescription
    var section: ManifestSection
}

/// A disk of the board, or a template, with its section.
struct SharedDiskDeclaration<Description> {
    var disk: Description
    var section: ManifestSection
}

extension ManifestSection {
    /// Returns the sections of a mapping from names to parts, and reports what is none.
    ///
    /// - Parameters:
    ///   - title: makes the title of an entry of its name.
    ///   - example: an entry, as a remedy shows it.
    func parts(
        _ key: String, _ part: ManifestPart, maximum: Int, title: (String) -> String, example: String
    ) -> [(name: String, section: ManifestSection)] {
        guard let node = node(key), !node.isEmpty else { return [] }
        let owner = self.title == "the manifest" ? "" : " of \(self.title)"
        guard let mapping = node.mapping else {
            report(
                at: key, "'\(key)'\(owner) is \(node.kindDescription), but a mapping from names is expected",
                remedy: "write each as '\(example)' on a line of its own")
            return []
        }
        guard mapping.count <= maximum else {
            report(
                at: key, "'\(key)'\(owner) has \(mapping.count) entries, but at most \(maximum) are possible",
                remedy: "remove \(mapping.count - maximum) of them")
            return []
        }
        return mapping.compactMap { nameNode, value in
            guard let name = nameNode.text else {
                source.report(
                    at: nameNode, "a name in '\(key)'\(owner) is \(nameNode.kindDescription), but text is expected",
                    remedy: "begin the name with a letter, or put it in quotes")
                return nil
            }
            let section = ManifestSection(
                value, title: title(name.shortened), at: nameNode.mark, part: part, source: source)
            return (name, section)
        }
    }

    /// Returns the disks of a machine or a component. `ManifestParser.disks` resolves `board-disk`.
    func disks() -> [DiskDeclaration] {
        parts(
            "disks", .disk, maximum: DiskDescription.maximum, title: { "disk '\($0)' of \(title)" },
            example: "name: {size: 2GiB}"
        ).map { name, section in DiskDeclaration(disk: section.disk(name), section: section) }
    }

    private func disk(_ name: String) -> DiskDescription {
        var disk = DiskDescription(name: name)
        disk.isReadOnly = flag("read-only")
        disk.hasChecksums = flag("checksums")
        disk.place = place()
        disk.size = optionalSize("size")
        disk.cloneOf = text("clone-of")
        disk.image = path("image")
        if disk.place == .pool { checkPoolDisk() } else { checkPlainDisk(disk.place) }
        return disk
    }

    private func place() -> DiskDescription.Place {
        let isWhole = flag("whole")
        guard has("partition") else { return isWhole ? .whole : .pool }
        if isWhole {
            report(
                at: "partition", "\(title) is both a 'whole' disk and a 'partition' of it", remedy: "remove one of both"
            )
        }
        return .partition(number("partition", default: 1))
    }

    private func checkPoolDisk() {
        if has("clone-of"), has("image") {
            report(
                at: "image", "\(title) has both 'clone-of' and 'image', but one of them gives its first contents",
                remedy: "remove one, or give the image to the template of which it is cloned")
        }
        guard isMapping, !hasUnknownKeys, !["size", "clone-of", "image"].contains(where: has) else { return }
        source.report(
            at: mark, "\(title) has neither a size nor contents",
            remedy: "write 'size: 2GiB', 'clone-of: TEMPLATE' or 'image: FILE'")
    }

    /// Reports keys that only a disk of a pool has.
    private func checkPlainDisk(_ place: DiskDescription.Place) {
        let kind = place == .whole ? "a whole disk of the board" : "a partition of a disk of the board"
        for key in ["size", "clone-of", "image", "checksums"] where has(key) {
            report(
                at: key, "\(title) has '\(key)', but it is \(kind), which the tool leaves as it is",
                remedy: "remove '\(key)', or '\(place == .whole ? "whole" : "partition")' for a disk of a pool")
        }
    }
}
