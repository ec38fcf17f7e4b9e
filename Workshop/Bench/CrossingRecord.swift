import Foundation
import SystemImage
import Tool

/// The file of the plugin in `Benchmarks/Crossings`: how often a core went from one part of RAM to another.
///
/// Each system counts the exits of its machines in its own way, and Xen does not count them at all. This count is the
/// same for all systems whose hypervisor lies in parts of RAM of its own.
struct CrossingRecord {
    /// The bytes of a part.
    static let partSize: UInt64 = 2 << 20
    /// The number of parts. Code beyond them belongs to the last one.
    static let partCount = 1024

    /// A way from a part to another one that a core went at least once.
    struct Way: Equatable {
        var from: Int
        var to: Int
        var count: UInt64
    }

    private(set) var ways: [Way] = []

    /// Reads the file of a running or ended QEMU.
    init(file: URL) throws {
        try self.init(Data(contentsOf: file))
    }

    init(_ data: Data) throws {
        guard data.count == 8 * Self.partCount * Self.partCount else {
            throw Failure("the plugin has not counted the ways between parts of RAM")
        }
        data.withUnsafeBytes { bytes in
            for index in 0..<Self.partCount * Self.partCount {
                let count = bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)
                guard count > 0 else { continue }
                ways.append(Way(from: index / Self.partCount, to: index % Self.partCount, count: count))
            }
        }
    }

    /// Returns the number of times that a core went into a hypervisor, from code that belongs neither to it nor to
    /// `others`. QEMU's own boot code in the first part is no guest.
    ///
    /// - Parameters:
    ///   - hypervisor: where the hypervisor's code lies, in bytes from the start of RAM. No other code that is executed
    ///     may lie in the same parts.
    ///   - others: where code lies whose exits do not count.
    func exits(to hypervisor: Range<UInt64>, except others: [Range<UInt64>] = []) -> UInt64 {
        func parts(_ range: Range<UInt64>) -> Range<Int> {
            Int(range.lowerBound / Self.partSize)..<Int((range.upperBound + Self.partSize - 1) / Self.partSize)
        }
        let hypervisor = parts(hypervisor)
        let left = others.map(parts) + [0..<1, hypervisor]
        return ways.filter { way in hypervisor.contains(way.to) && !left.contains { $0.contains(way.from) } }
            .reduce(0) { $0 + $1.count }
    }

    /// Returns the arguments by which QEMU loads the plugin, which writes to `file`.
    static func arguments(workspace: Workspace, file: URL) throws -> [String] {
        let plugin = try EmulatorPlugin(workspace: workspace, name: "crossings", folder: "Crossings").build()
        return ["-plugin", "\(plugin.path),output=\(file.path)"]
    }
}
