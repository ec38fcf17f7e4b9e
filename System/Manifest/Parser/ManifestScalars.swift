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
