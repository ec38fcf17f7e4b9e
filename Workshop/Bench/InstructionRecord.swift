import Foundation
import SystemImage
import Tool

/// The file of the plugin in `Benchmarks/Instructions`: the instructions of the whole board, and those until each mark
/// that a program set.
struct InstructionRecord {
    /// The instructions until now.
    var count: UInt64
    /// The instructions between each mark that begins a measurement and the next one that ends it, in order.
    var spans: [UInt64] = []

    /// The instructions until the first mark.
    var start: UInt64?

    /// Reads the file of a running or ended QEMU.
    init(file: URL) throws {
        try self.init(Data(contentsOf: file))
    }

    init(_ data: Data) throws {
        let words = data.withUnsafeBytes { bytes in
            (0..<bytes.count / 8).map { bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self) }
        }
        guard words.count > 2, words[1] <= UInt64(words.count - 2) else {
            throw Failure("the plugin has not counted the instructions")
        }
        count = words[0]
        start = words[1] > 0 ? words[2] >> 1 : nil
        var open: UInt64?
        for mark in words[2..<2 + Int(words[1])] {
            if mark & 1 == 0 {
                open = mark >> 1
            } else if let begin = open {
                spans.append(mark >> 1 - begin)
                open = nil
            }
        }
    }

    /// Returns the arguments by which QEMU loads the plugin, which writes to `file`.
    static func arguments(workspace: Workspace, file: URL) throws -> [String] {
        let plugin = try EmulatorPlugin(workspace: workspace, name: "instructions", folder: "Instructions").build()
        return ["-plugin", "\(plugin.path),output=\(file.path)"]
    }
}
