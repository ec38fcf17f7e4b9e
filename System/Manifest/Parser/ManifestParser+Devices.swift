import ABI
import Yams

extension ComponentParser {
    /// Returns the devices of `devices: {NAME: NODE}`, and reports those that the board lacks.
    func devices() -> [DeviceRequest] {
        pairs("devices", of: "a device's node, such as 'rtc: pl031'").compactMap { name, value -> DeviceRequest? in
            guard let node = value.text else {
                section.source.report(
                    at: value,
                    "'devices' of \(section.title) holds \(value.kindDescription), but the name of a node is expected",
                    remedy:
                        "write 'devices: {NAME: NODE}', where NODE is a node of the board's device tree, such as pl031")
                return nil
            }
            let request = DeviceRequest(name: name, node: node, place: section.source.place(of: value.mark))
            do throws(Failure) {
                _ = try VirtBoard.device(request)
                return request
            } catch {
                section.source.report(error, of: section.title, at: value.mark)
                return nil
            }
        }
    }

    /// Returns the memories of `dma: {NAME: SIZE}`.
    func dma() -> [DMAMemoryDescription] {
        pairs("dma", of: "a size, such as 'buffers: 64KiB'").compactMap { name, value in
            guard let size = value.byteSize, DMAMemoryDescription.sizes.contains(size),
                size.isMultiple(ofSize: Program.pageSize)
            else {
                let sizes = DMAMemoryDescription.sizes
                section.source.report(
                    at: value,
                    "'\(name)' in 'dma' of \(section.title) is \(value.kindDescription), which is not a possible size",
                    remedy:
                        "write a multiple of 4KiB from \(ByteSize(bytes: sizes.lowerBound)) to \(ByteSize(bytes: sizes.upperBound))"
                )
                return nil
            }
            return DMAMemoryDescription(name: name, size: size)
        }
    }

    /// Returns the pairs of a mapping from names, and reports an entry that is no such pair.
    private func pairs(_ key: String, of what: String) -> [(String, Node)] {
        guard let node = section.node(key), !node.isEmpty else { return [] }
        guard let mapping = node.mapping else {
            section.source.report(
                at: node,
                "'\(key)' of \(section.title) is \(node.kindDescription), but a mapping from names is expected",
                remedy: "write '\(key): {NAME: ...}', where NAME is the program's name for \(what)")
            return []
        }
        guard mapping.count <= DeviceRequest.maximum else {
            section.report(
                at: key,
                "'\(key)' of \(section.title) has \(mapping.count) entries, but at most \(DeviceRequest.maximum) are possible",
                remedy: "remove \(mapping.count - DeviceRequest.maximum) of them")
            return []
        }
        return mapping.compactMap { key, value in
            guard let name = key.text, (1...TenantDescription.maximumName).contains(name.utf8.count) else {
                section.source.report(
                    at: key,
                    "a name in \(section.title) is \(key.kindDescription), but 1 to \(TenantDescription.maximumName) bytes of text are expected",
                    remedy: "begin the name with a letter")
                return nil
            }
            return (name, value)
        }
    }
}
