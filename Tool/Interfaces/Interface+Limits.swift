extension Interface.Method {
    /// The part of a method that does not fit into a message, as far as the names of its types show it; nil if
    /// everything fits.
    var excess: (problem: String, remedy: String)? {
        let types = parameters.map(\.type)
        let capabilities = types.reduce(0) { $0 + $1.capabilities }
        let words = types.reduce(1) { $0 + $1.words }
        if capabilities > 2 {
            return (
                "takes \(capabilities) capabilities, but a message carries at most two",
                "take two, or make two methods of it; a RingOffer takes one"
            )
        }
        if types.count(where: \.isLease) > 1 {
            return (
                "takes \(types.count(where: \.isLease)) leases, but a message carries at most one",
                "make a method for each of them"
            )
        }
        if words > 64 {
            return (
                "takes up to \(words) words, but a message carries at most 64",
                "make two methods of it, or lend the text with Lease<Reading>"
            )
        }
        if let result, result.isLease {
            return (
                "returns '\(result)', but a lease ends with its call",
                "take a Lease<Writing>, which the server fills"
            )
        }
        if let result, result.isRingOffer {
            return (
                "returns '\(result)', but a ring lies in its caller's memory",
                "let the caller make the ring, and take its offer as a parameter"
            )
        }
        if name == "portal", parameters.isEmpty {
            return ("has the name of a client's property", "rename it")
        }
        return nil
    }
}

extension String {
    /// Returns true if the text names the runtime's type `name`, with or without arguments.
    private func isType(_ name: String) -> Bool {
        let bare = hasPrefix("Entente.") ? dropFirst("Entente.".count) : self[...]
        return bare == name || bare.hasPrefix(name + "<")
    }

    var isLease: Bool { isType("Lease") }

    var isRingOffer: Bool { isType("RingOffer") }

    /// The number of capabilities that a value of this type carries.
    var capabilities: Int { isType("Capability") || isRingOffer ? 1 : 0 }

    /// The number of words that a value takes, at least: a type of the user's counts as none.
    var words: Int { isType("ShortText") ? 17 : isLease || isRingOffer || String.numbers.contains(self) ? 1 : 0 }

    private static let numbers: Set<String> = [
        "Bool", "Int", "Int8", "Int16", "Int32", "Int64", "UInt", "UInt8", "UInt16", "UInt32", "UInt64",
        "Float", "Double",
    ]

    /// The remedy for a type of the standard library that no message carries, or nil for all other types.
    var remedyForUnsendable: String? {
        let bare = hasPrefix("Swift.") ? dropFirst("Swift.".count) : self[...]
        switch bare.prefix(while: { $0 != "<" }) {
        case "String", "Substring", "StaticString", "Character", "LogText":
            return "use ShortText, which holds up to 128 bytes, or lend longer text with Lease<Reading>"
        case "Array", "ArraySlice", "ContiguousArray", "InlineArray", "Set", "Dictionary", "Data", "Span":
            return "lend its numbers with Lease<Reading>, or send them through a ring (RingOffer)"
        case "Optional":
            return "return a Bool beside it, or throw an error if there is none"
        case "Float16", "Float80": return "use Float or Double"
        case "Int128", "UInt128": return "use two of UInt64"
        case "Any", "AnyObject", "Error": return "name the type"
        default: return nil
        }
    }
}

extension Interface {
    /// Returns the problem with a word in front of a method, or nil if the word may be there.
    static func excessInFront(_ token: SwiftLexer.Token) -> (problem: String, remedy: String)? {
        switch token.text {
        case "@":
            (
                "has an attribute, which its client would lack",
                "remove it; a caller that does not need a result writes '_ = try client.method()'"
            )
        case "static", "class":
            ("has a '\(token.text)' method, but only a server answers calls", "remove '\(token.text)'")
        case "nonmutating":
            ("has a 'nonmutating' method, although every method is one without the word", "remove 'nonmutating'")
        case "public", "internal", "private", "fileprivate", "package":
            (
                "has a '\(token.text)' method, but a protocol's methods are as visible as the protocol",
                "remove '\(token.text)'"
            )
        default: nil
        }
    }
}
