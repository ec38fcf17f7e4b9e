/// An interface, as its protocol declares it.
struct Interface: Equatable {
    var name: String
    var isPublic: Bool
    /// The methods in the order of the protocol, which numbers them from 1.
    var methods: [Method]

    /// The name of the client: `CounterInterface` has a `CounterClient`.
    var clientName: String {
        for suffix in ["Interface", "Service"] where name.hasSuffix(suffix) && name.count > suffix.count {
            return name.dropLast(suffix.count) + "Client"
        }
        return name + "Client"
    }

    struct Method: Equatable {
        var name: String
        var parameters: [Parameter]
        /// The type of its error, or nil if it throws nothing.
        var failure: String?
        /// The type of its result, or nil if it has none.
        var result: String?
    }

    struct Parameter: Equatable {
        /// The label, or nil for `_`.
        var label: String?
        var name: String
        var type: String

        /// The parameter as the protocol declares it.
        var declaration: String {
            guard let label else { return "_ \(name): \(type)" }
            return label == name ? "\(name): \(type)" : "\(label) \(name): \(type)"
        }
    }
}
