import ABI

/// Lists the devices of QEMU's `virt` board, so that `check` finds a wrong name without the board's device tree.
///
/// QEMU puts the same nodes into every device tree of this board, whatever cores and memory the board has. A test
/// compares the list with the device tree of the QEMU that is installed.
public enum VirtBoard {
    /// A node of the device tree, with the registers and the INTID of a device that a component may drive.
    struct Node {
        var name: String
        var registers: MemoryRange?
        var interrupt: UInt64?
    }

    static let nodes: [Node] =
        [
            Node(name: "pl031@9010000", registers: MemoryRange(base: 0x0901_0000, size: 0x1000), interrupt: 34),
            Node(name: "pl061@9030000", registers: MemoryRange(base: 0x0903_0000, size: 0x1000), interrupt: 39),
            Node(name: "fw-cfg@9020000", registers: MemoryRange(base: 0x0902_0000, size: 0x18), interrupt: nil),
        ] + (0..<32).map(virtio) + others.map { Node(name: $0, registers: nil, interrupt: nil) }

    /// The nodes that are no device, or whose device no component may drive.
    private static let others = [
        "apb-pclk", "chosen", "cpus", "flash@0", "gpio-keys", "intc@8000000", "memory@40000000", "pcie@10000000",
        "pl011@9000000", "platform-bus@c000000", "pmu", "psci", "timer",
    ]

    private static func virtio(_ number: UInt64) -> Node {
        let base = 0x0A00_0000 + 0x200 * number
        return Node(
            name: "virtio_mmio@" + String(base, radix: 16), registers: MemoryRange(base: base, size: 0x200),
            interrupt: 48 + number)
    }

    /// Finds the device that a manifest asks for.
    ///
    /// - Throws: `Failure` if the board has no such device, or more than one, or if a component must not drive it.
    static func device(_ request: DeviceRequest) throws(Failure) -> DeviceDescription {
        let name = try request.node(among: nodes.map(\.name))
        guard let node = nodes.first(where: { $0.name == name }), let registers = node.registers else {
            throw request.notDrivable(name)
        }
        return DeviceDescription(request, registers: registers, interrupt: node.interrupt)
    }
}
