import ABI

/// A device of the board as a manifest names it: by its node's name in the device tree, with or without the address.
public struct DeviceRequest: Sendable, Equatable {
    /// The program's name for it.
    public var name: String
    /// The name of the node: `pl031`, or `pl031@9010000`.
    public var node: String
    /// The place of the node's name in the manifest.
    public var place: Diagnostic.Place?

    public init(name: String, node: String, place: Diagnostic.Place? = nil) {
        (self.name, self.node, self.place) = (name, node, place)
    }

    static let maximum = 8
}

extension DeviceRequest {
    /// Returns the one of the board's nodes that the manifest names.
    ///
    /// - Throws: `Failure` if no node or more than one has the name.
    func node(among nodes: [String]) throws(Failure) -> String {
        let matches = nodes.filter { $0 == node || $0.prefix { $0 != "@" } == node }
        if let match = matches.first, matches.count == 1 { return match }
        if let match = matches.first {
            throw Failure(
                "the board has \(matches.count) devices '\(node)'",
                remedy: "name one of them with its address: \(match)", at: place)
        }
        let near = node.nearest(in: nodes + nodes.map { String($0.prefix { $0 != "@" }) })
        throw Failure(
            "the board has no device '\(node.shortened)'",
            remedy: near.map { "did you mean '\($0)'?" } ?? "name a node of its device tree, such as pl031", at: place)
    }

    func notDrivable(_ node: String) -> Failure {
        Failure(
            "the device '\(node)' has no registers that a component may drive",
            remedy: "name a device beside the serial port and the interrupt controller", at: place)
    }
}

/// A device of the board that a component drives.
public struct DeviceDescription: Sendable, Equatable {
    /// The component's name for it.
    public var name: String
    public var registers: MemoryRange
    /// The INTID of its interrupt, or nil if it has none.
    public var interrupt: UInt64?
    /// The place in the manifest that asks for it.
    public var place: Diagnostic.Place?

    public init(name: String, registers: MemoryRange, interrupt: UInt64?, place: Diagnostic.Place? = nil) {
        (self.name, self.registers, self.interrupt, self.place) = (name, registers, interrupt, place)
    }

    init(_ request: DeviceRequest, registers: MemoryRange, interrupt: UInt64?) {
        self.init(name: request.name, registers: registers, interrupt: interrupt, place: request.place)
    }
}

/// Memory that devices of the board may access.
public struct DMAMemoryDescription: Sendable, Equatable {
    public var name: String
    /// The size in bytes; a multiple of 4 KiB.
    public var size: UInt64
    public init(name: String, size: UInt64) { (self.name, self.size) = (name, size) }
}

extension DMAMemoryDescription {
    static let sizes: ClosedRange<UInt64> = 4096...(64 << 20)
}

extension MemoryRange {
    /// The numbers of the pages on which the range lies.
    var pages: ClosedRange<UInt64> { base >> 12...(base + max(size, 1) - 1) >> 12 }
}
