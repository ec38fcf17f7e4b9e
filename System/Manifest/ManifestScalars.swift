import Foundation
import Yams

extension Node {
    /// The kind of the node, in words for an error.
    var kindDescription: String {
        switch self {
        case .mapping: return "a mapping"
        case .sequence: return "a list"
        case .alias: return "an alias"
        case .scalar(let scalar):
            switch tag.rawValue {
            case Tag.Name.null.rawValue: return "empty"
            case Tag.Name.int.rawValue: return "the number \(scalar.string)"
            case Tag.Name.float.rawValue: return "the number \(scalar.string)"
            case Tag.Name.bool.rawValue: return "the truth value '\(scalar.string)'"
            default: return "the text '\(scalar.string.shortened)'"
            }
        }
    }

    var isEmpty: Bool { scalar != nil && tag.rawValue == Tag.Name.null.rawValue }

    /// The scalar, if YAML takes it as text.
    var text: String? {
        guard let scalar, tag.rawValue == Tag.Name.str.rawValue else { return nil }
        return scalar.string
    }

    /// The remedy for a component's argument that is no whole number.
    var remedyForArgument: String {
        let example = "write a whole number from 0 to \(UInt64.max)"
        guard let scalar else { return example }
        switch tag.rawValue {
        case Tag.Name.str.rawValue where UInt64(scalar.string) != nil:
            return "write it without quotes: \(scalar.string)"
        case Tag.Name.float.rawValue: return example + "; a fraction is passed in a smaller unit, 1.5 ms as 1500 us"
        default: return example
        }
    }

    /// The scalar, if YAML takes it as a whole number that is not negative.
    var wholeNumber: UInt64? {
        guard let scalar, tag.rawValue == Tag.Name.int.rawValue else { return nil }
        return UInt64.construct(from: scalar)
    }

    /// The scalar, if YAML takes it as a whole number that fits `Int64`.
    var signedNumber: Int? {
        guard let scalar, tag.rawValue == Tag.Name.int.rawValue else { return nil }
        return Int.construct(from: scalar)
    }

    /// The scalar as a number of bytes, with or without a unit.
    var byteSize: UInt64? { wholeNumber ?? text.flatMap { ByteSize($0)?.bytes } }
}

extension String {
    /// The text, shortened so that an error can quote it.
    var shortened: String { count <= 60 ? self : prefix(57) + "..." }

    /// Returns the one of `candidates` that a typing mistake could have turned into this text, or nil if none is
    /// similar.
    func nearest(in candidates: [String]) -> String? {
        let nearest = candidates.map { ($0, editDistance(to: $0)) }.min { $0.1 < $1.1 }
        guard let (candidate, distance) = nearest, distance <= max(1, candidate.count / 3) else { return nil }
        return candidate
    }

    /// Returns the number of characters to insert, delete, replace or swap with their neighbour.
    private func editDistance(to other: String) -> Int {
        let (a, b) = (Array(lowercased().prefix(64)), Array(other.lowercased()))
        var rows = [Array(0...b.count)]
        for i in 1..<(a.count + 1) {
            var row = [i]
            for j in 1..<(b.count + 1) {
                let replaced = rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
                var best = Swift.min(row[j - 1] + 1, rows[i - 1][j] + 1, replaced)
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                    best = Swift.min(best, rows[i - 2][j - 2] + 1)
                }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}

/// Returns the words as `a, b and c`.
func enumerated(_ words: [String]) -> String {
    guard let last = words.last, words.count > 1 else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " and " + last
}
