import ABI
import Foundation

/// Holds the facts of the board that the kernel needs.
public struct Board: Sendable {
    /// The affinity bits of each core's MPIDR_EL1, for one to eight cores. The boot core comes first.
    public var coreAffinities: [UInt64]
    /// The ranges of RAM, one to four.
    public var ram: [MemoryRange]
    /// The device registers that drivers may be given: the widest range around the serial port that holds neither RAM
    /// nor the interrupt controller.
    public var devices: MemoryRange
    public var distributor: MemoryRange
    public var redistributors: MemoryRange
    public var serial: MemoryRange
    /// The INTID of the serial port's interrupt.
    public var serialInterrupt: UInt64
    /// The registers of a PL031 real-time clock, which monitors may read, or nil if there is none among `devices`.
    public var clock: MemoryRange? = nil

    static let maximumCores = 8
    fileprivate static let maximumRanges = 4
}

extension Board {
    /// Reads the board's flattened device tree.
    ///
    /// - Parameters:
    ///   - deviceTree: the file of the flattened device tree.
    ///   - read: runs `fdtget` with the given arguments, and returns its standard output.
    /// - Throws: `Failure` if the device tree describes no board on which the kernel runs.
    public init(deviceTree: URL, read: @escaping (_ arguments: [String]) throws -> String) throws(Failure) {
        let tree = DeviceTree(file: deviceTree, read: read)
        let cells = try tree.cells(of: "/")
        let nodes = try tree.children(of: "/")
        let compatible = try tree.strings("compatible", of: nodes)
        let ram = try Self.ram(tree, nodes, cells)
        guard let controller = zip(nodes, compatible).first(where: { $0.1.contains("arm,gic-v3") })?.0 else {
            throw Failure("the board has no GICv3 interrupt controller", remedy: "start QEMU with gic-version=3")
        }
        let registers = try tree.ranges(of: controller, cells: cells)
        guard registers.count >= 2 else {
            throw Failure("'\(controller)' lacks its redistributors", remedy: "check the board's device tree")
        }
        guard let port = try Self.serialPort(tree, nodes, compatible),
            let serial = try tree.ranges(of: port, cells: cells).first
        else {
            throw Failure("the board has no PL011 serial port", remedy: "use a board with one, such as virt")
        }
        let devices = try Self.gap(around: serial, avoiding: ram + registers)
        self.init(
            coreAffinities: try Self.cores(tree), ram: ram, devices: devices, distributor: registers[0],
            redistributors: registers[1], serial: serial, serialInterrupt: try Self.interrupt(tree, of: port),
            clock: try Self.clock(tree, nodes, compatible, cells, among: devices))
    }

    private static func cores(_ tree: DeviceTree) throws(Failure) -> [UInt64] {
        let cells = try tree.cells(of: "/cpus")
        let nodes = try tree.children(of: "/cpus")
        let types = try tree.strings("device_type", of: nodes)
        let cores = zip(nodes, types).filter { $0.1 == ["cpu"] }.map(\.0)
        guard (1...maximumCores).contains(cores.count) else {
            throw Failure(
                "the board has \(cores.count) cores", remedy: "use a board with 1 to \(maximumCores) cores")
        }
        var affinities: [UInt64] = []
        for core in cores {
            affinities.append(DeviceTree.number(try tree.words("reg", of: core).prefix(cells.address)))
        }
        return affinities
    }

    private static func ram(
        _ tree: DeviceTree, _ nodes: [String], _ cells: DeviceTree.Cells
    ) throws(Failure) -> [MemoryRange] {
        let types = try tree.strings("device_type", of: nodes)
        var ram: [MemoryRange] = []
        for (node, type) in zip(nodes, types) where type == ["memory"] {
            ram += try tree.ranges(of: node, cells: cells).filter { $0.size > 0 }
        }
        guard (1...maximumRanges).contains(ram.count) else {
            throw Failure(
                "the board's RAM has \(ram.count) parts", remedy: "use a board with 1 to \(maximumRanges)")
        }
        return ram.sorted { $0.base < $1.base }
    }

    /// Returns the serial port that `/chosen` names if it is a PL011, and otherwise the first PL011.
    private static func serialPort(
        _ tree: DeviceTree, _ nodes: [String], _ compatible: [[String]]
    ) throws(Failure) -> String? {
        let ports = zip(nodes, compatible).filter { $0.1.contains("arm,pl011") }.map(\.0)
        let chosen = nodes.contains("/chosen") ? try tree.strings("stdout-path", of: ["/chosen"])[0].first : nil
        let path = chosen?.prefix { $0 != ":" }
        return ports.first { $0 == path ?? "" } ?? ports.first
    }

    /// Returns the first PL031 whose page lies in `devices`.
    private static func clock(
        _ tree: DeviceTree, _ nodes: [String], _ compatible: [[String]], _ cells: DeviceTree.Cells,
        among devices: MemoryRange
    ) throws(Failure) -> MemoryRange? {
        for (node, names) in zip(nodes, compatible) where names.contains("arm,pl031") {
            guard let base = try tree.ranges(of: node, cells: cells).first?.base else { continue }
            let size: UInt64 = 4096
            if base % size == 0, base >= devices.base, base - devices.base + size <= devices.size {
                return MemoryRange(base: base, size: size)
            }
        }
        return nil
    }

    /// Returns the INTID of the first interrupt of `node`. Shared interrupts begin at 32, and a core's private ones
    /// at 16.
    static func interrupt(_ tree: DeviceTree, of node: String) throws(Failure) -> UInt64 {
        let words = try tree.words("interrupts", of: node)
        guard words.count >= 3, words[0] <= 1, words[1] < 988 else {
            throw Failure("'\(node)' has no interrupt that is known", remedy: "check the board's device tree")
        }
        return words[1] + (words[0] == 0 ? 32 : 16)
    }

    private static func gap(
        around range: MemoryRange, avoiding taken: [MemoryRange]
    ) throws(Failure) -> MemoryRange {
        let end = range.base + range.size
        guard !taken.contains(where: { $0.base < end && range.base < $0.base + $0.size }) else {
            throw Failure(
                "the serial port at \(hex(range.base)) overlaps RAM or the interrupt controller",
                remedy: "check the board's device tree")
        }
        let lower = taken.map { $0.base + $0.size }.filter { $0 <= range.base }.max() ?? 0
        let upper = taken.map(\.base).filter { $0 >= end }.min() ?? end
        return MemoryRange(base: lower, size: upper - lower)
    }
}
