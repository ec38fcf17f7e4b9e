import ABI
import Foundation

/// A device of the board that a component may drive.
public struct BoardDevice: Sendable, Equatable {
    /// The name of its node in the device tree, such as `pl031@9010000`.
    public var node: String
    public var registers: MemoryRange
    /// The INTID of its first interrupt.
    public var interrupt: UInt64?
}

extension Board {
    /// Finds the device that a manifest asks for.
    ///
    /// - Parameters: as for `init(deviceTree:)`.
    /// - Throws: `Failure` if the board has no such device or more than one. Also if a component must not drive its
    ///   registers, because they belong to the console driver or the interrupt controller, or lie on a page with
    ///   those.
    public func device(
        _ request: DeviceRequest, deviceTree: URL, read: @escaping (_ arguments: [String]) throws -> String
    ) throws(Failure) -> DeviceDescription {
        let tree = DeviceTree(file: deviceTree, read: read)
        let nodes = try tree.children(of: "/").map { String($0.dropFirst()) }
        let matches = nodes.filter { $0 == request.node || $0.prefix { $0 != "@" } == request.node }
        guard let node = matches.first, matches.count == 1 else { throw notOne(request, matches, nodes) }
        guard let range = try tree.ranges(of: "/" + node, cells: tree.cells(of: "/")).first, mayDrive(range) else {
            throw Failure(
                "the device '\(node)' has no registers that a component may drive",
                remedy: "name a device beside the serial port and the interrupt controller")
        }
        return DeviceDescription(
            name: request.name, registers: range,
            interrupt: try tree.has("interrupts", "/" + node) ? try Self.interrupt(tree, of: "/" + node) : nil)
    }

    private func mayDrive(_ range: MemoryRange) -> Bool {
        guard range.size > 0, !range.base.addingReportingOverflow(range.size).overflow else { return false }
        let (first, last) = (range.pages.lowerBound << 12, range.pages.upperBound << 12)
        let isAmongDevices = first >= devices.base && last - devices.base < devices.size
        return isAmongDevices && !range.pages.overlaps(serial.pages)
    }

    private func notOne(_ request: DeviceRequest, _ matches: [String], _ nodes: [String]) -> Failure {
        if matches.isEmpty {
            let near = request.node.nearest(in: nodes + nodes.map { String($0.prefix { $0 != "@" }) })
            return Failure(
                "the board has no device '\(request.node)'",
                remedy: near.map { "did you mean '\($0)'?" } ?? "name a node of its device tree, such as pl031")
        }
        return Failure(
            "the board has \(matches.count) devices '\(request.node)'",
            remedy: "name one of them with its address: \(matches[0])")
    }
}
