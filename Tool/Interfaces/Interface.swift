/// An interface, as its protocol declares it.
struct Interface: Equatable {
    var name: String
    var isPublic: Bool
    /// In the order of the protocol, which numbers them from 1.
    var methods: [Method]

    /// `CounterInterface` is called by a `CounterClient`.
    var clientName: String {
        for suffix in ["Interface", "Service"] where name.hasSuffix(suffix) && name.count > suffix.count {
            return name.dropLast(suffix.count) + "Client"
        }
        return name + "Client"
    }

    struct Method: Equatable {
        var name: String
        var parameters: [Parameter]
        /// Nil: throws nothing.
        var failure: String?
        /// Nil: brings nothing back.
        var result: String?
    }

    struct Parameter: Equatable {
        /// Nil: `_`.
        var label: String?
        var name: String
        var type: String

        /// As it is declared.
        var declaration: String {
            guard let label else { return "_ \(name): \(type)" }
            return label == name ? "\(name): \(type)" : "\(label) \(name): \(type)"
        }
    }
}
