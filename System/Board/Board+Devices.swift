import ABI
import Foundation

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
        let node = try request.node(among: nodes)
        guard try tree.has("reg", "/" + node),
            let range = try tree.ranges(of: "/" + node, cells: tree.cells(of: "/")).first, mayDrive(range)
        else {
            throw request.notDrivable(node)
        }
        return DeviceDescription(
            request, registers: range,
            interrupt: try tree.has("interrupts", "/" + node) ? try Self.interrupt(tree, of: "/" + node) : nil)
    }

    private func mayDrive(_ range: MemoryRange) -> Bool {
        guard range.size > 0, !range.base.addingReportingOverflow(range.size).overflow else { return false }
        let (first, last) = (range.pages.lowerBound << 12, range.pages.upperBound << 12)
        let isAmongDevices = first >= devices.base && last - devices.base < devices.size
        return isAmongDevices && !range.pages.overlaps(serial.pages)
    }
}
