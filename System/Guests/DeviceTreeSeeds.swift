import Foundation

/// The places of random bytes in a flattened device tree: the properties `rng-seed` and `kaslr-seed` of `/chosen`, from
/// which an operating system takes its first random numbers.
enum DeviceTreeSeeds {
    /// The number of bytes of a property that are used, at most, so that their renewal takes little time.
    private static let maximumSize = 64
    private static let names = ["rng-seed", "kaslr-seed"]

    /// Returns the offsets of the bytes, in whole cells of 4 bytes. A tree that is cut off has none behind its end.
    static func ranges(in tree: Data) -> [Range<Int>] {
        let tree = Cells(data: tree)
        guard tree[0] == 0xD00D_FEED, let start = tree[8], let strings = tree[12] else { return [] }
        var found: [Range<Int>] = []
        var (place, depth, isChosen) = (Int(start), 0, false)
        while let token = tree[place] {
            place += 4
            switch token {
            case Token.beginNode:
                depth += 1
                let name = tree.text(at: place)
                isChosen = depth == 2 && name == "chosen"
                place += (name.utf8.count + 4) & ~3
            case Token.endNode:
                depth -= 1
                isChosen = false
            case Token.property:
                guard let size = tree[place], let name = tree[place + 4] else { return found }
                let value = place + 8
                place = value + (Int(size) + 3) & ~3
                guard isChosen, place <= tree.data.count, names.contains(tree.text(at: Int(strings) + Int(name))) else {
                    continue
                }
                let used = min(Int(size) & ~3, maximumSize)
                if used > 0 { found.append(value..<value + used) }
            case Token.nothing: continue
            default: return found
            }
        }
        return found
    }

    private enum Token {
        static let beginNode: UInt32 = 1
        static let endNode: UInt32 = 2
        static let property: UInt32 = 3
        static let nothing: UInt32 = 4
    }

    /// A device tree as big-endian cells.
    private struct Cells {
        let data: Data

        /// Returns nil for an offset behind the end.
        subscript(_ offset: Int) -> UInt32? {
            guard offset <= data.count - 4 else { return nil }
            let start = data.startIndex + offset
            return data[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) }
        }

        /// Returns the characters up to the next zero byte.
        func text(at offset: Int) -> String {
            guard offset < data.count else { return "" }
            return String(decoding: data[(data.startIndex + offset)...].prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
