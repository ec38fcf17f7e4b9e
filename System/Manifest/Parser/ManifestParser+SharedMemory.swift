import ABI
import Yams

extension ManifestParser {
    /// Returns the entries below `shared-memory`, and adds to each machine its own regions.
    mutating func sharedMemory() -> [SharedMemoryDescription] {
        guard let node = system.node("shared-memory"), !node.isEmpty else { return [] }
        guard let mapping = node.mapping else {
            system.report(
                at: "shared-memory",
                "'shared-memory' is \(node.kindDescription), but a mapping from names is expected",
                remedy: "write each as 'name: {size: 1MiB, between: [name, name]}' on a line of its own")
            return []
        }
        let regions = mapping.compactMap { name, value in region(name, value) }
        if regions.count > SharedMemoryDescription.maximum {
            system.report(
                at: "shared-memory",
                "the system has \(regions.count) shared memories, but at most \(SharedMemoryDescription.maximum) are possible",
                remedy: "remove \(regions.count - SharedMemoryDescription.maximum) of them")
            return []
        }
        for (number, region) in regions.enumerated() {
            let end = SharedMemoryEnd(name: region.name, number: number, size: region.size)
            region.ends.forEach { share(end, with: $0) }
        }
        return regions
    }

    private func region(_ nameNode: Node, _ value: Node) -> SharedMemoryDescription? {
        guard let name = nameNode.text else {
            source.report(
                at: nameNode, "a name in 'shared-memory' is \(nameNode.kindDescription), but text is expected",
                remedy: "begin the name with a letter, or put it in quotes")
            return nil
        }
        checkName(name, of: "shared memory", at: nameNode.mark)
        let section = ManifestSection(
            value, title: "shared memory '\(name.shortened)'", at: nameNode.mark, part: .sharedMemory,
            source: source)
        guard section.isMapping, section.has("size"), section.has("between") else {
            if !section.hasUnknownKeys {
                source.report(
                    at: nameNode.mark, "\(section.title) needs both 'size' and 'between'",
                    remedy: "write '\(name.shortened): {size: 1MiB, between: [name, name]}'")
            }
            return nil
        }
        let size = section.size("size", default: 1 << 20)
        return SharedMemoryDescription(name: name, size: size, ends: ends(section))
    }

    /// Returns the two ends, and reports anything but two different machines or components.
    private func ends(_ section: ManifestSection) -> [String] {
        let nodes = section.list("between", of: "two names")
        let names = declarations.map(\.name)
        var ends: [String] = []
        for node in nodes {
            guard let name = node.text, names.contains(name) else {
                let name = node.text ?? node.kindDescription
                source.report(
                    at: node, "\(section.title) is for '\(name.shortened)', but no machine or component has that name",
                    remedy: name.nearest(in: names).map { "did you mean '\($0)'?" }
                        ?? "choose from \(enumerated(names))")
                continue
            }
            ends.append(name)
        }
        guard nodes.count == 2, Set(ends).count == ends.count else {
            section.report(
                at: "between", "\(section.title) has to be between two different machines or components",
                remedy: "write 'between: [name, name]'; three that share need a region for each pair")
            return []
        }
        return ends
    }
}
