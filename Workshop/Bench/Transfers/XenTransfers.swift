import SystemImage

/// The operations of Xen that move data or control, by the names of the experiments.
enum XenTransfers {
    /// Pairs of a name of `XenPrimitives` and one of the experiments. Sizes are in pages there, and in bytes here.
    static let names: KeyValuePairs = [
        "hypercall.version": "hypercall", "event.send": "event.send", "event.round-trip": "event.round-trip",
        "grant.map-unmap.1": "grant.map-unmap.4096", "grant.map-unmap.16": "grant.map-unmap.65536",
        "grant.map-unmap.256": "grant.map-unmap.1048576", "grant.copy.1": "grant.copy.4096",
        "grant.copy.16": "grant.copy.65536", "grant.copy.256": "grant.copy.1048576",
        "mapped.copy.1": "grant.mapped.4096", "mapped.copy.16": "grant.mapped.65536",
        "mapped.copy.256": "grant.mapped.1048576",
    ]

    /// Returns the instructions of the whole board for each operation, and of them those of Xen alone as
    /// `NAME.hypervisor`. For `grant.page` and `grant.end`, of a program in a domain, Xen alone is not known.
    ///
    /// - Throws: a `Failure` that names a row that is missing.
    static func rows(of primitives: [BenchRow]) throws -> [BenchRow] {
        func value(_ name: String) throws -> Double {
            guard let row = primitives.first(where: { $0.name == name }) else {
                throw Failure("no row \(name) was measured")
            }
            return (row.value * 10).rounded() / 10
        }
        let offers = try ["grant.page", "grant.end"].map { BenchRow($0, try value("xen.\($0)")) }
        return try offers
            + names.flatMap { own, name in
                try [("", ""), (".Xen", ".hypervisor")].map { part, title in
                    BenchRow(name + title, try value("xen.\(own)\(part)"))
                }
            }
    }
}
