import Foundation
import SystemImage

/// Lets QEMU count the instructions of each entry into the kernel, by the plugin in `Benchmarks/Entries`.
///
/// If `ENTENTE_ENTRIES` names a folder, every system that boots leaves its records there, for example one of a
/// benchmark or of a test.
package struct EntryCounter {
    package let workspace: Workspace
    package let folder: URL

    package init(workspace: Workspace, folder: URL) {
        self.workspace = workspace
        self.folder = folder
    }

    package static let variable = "ENTENTE_ENTRIES"
    package static let suffix = "entries"

    /// Returns the counter, or nil if `ENTENTE_ENTRIES` is not set.
    package static func requested(in workspace: Workspace) -> EntryCounter? {
        ProcessInfo.processInfo.environment[variable].map {
            EntryCounter(workspace: workspace, folder: URL(fileURLWithPath: $0))
        }
    }

    /// Returns the arguments that QEMU needs.
    package func arguments(kernel: URL) throws -> [String] {
        try workspace.make(folder)
        let plugin = try EmulatorPlugin(workspace: workspace, name: "entries", folder: "Entries").build()
        let symbols = try SymbolTable(elf: Data(contentsOf: kernel)).symbols
        guard let end = symbols.first(where: { $0.name == "kernel_text_end" })?.address,
            let vectors = symbols.first(where: { $0.name == "kernel_vectors" })?.address
        else { throw Failure("\(kernel.path) has no symbols 'kernel_text_end' and 'kernel_vectors'") }
        let name = UUID().uuidString
        let functions = folder.appendingPathComponent("\(name).functions")
        let starts = Set(symbols.map(\.address).filter { $0 < end }).sorted() + [end]
        try starts.reduce(into: Data()) { data, start in
            withUnsafeBytes(of: UInt32(start).littleEndian) { data.append(contentsOf: $0) }
        }.write(to: functions)
        let output = folder.appendingPathComponent("\(name).\(Self.suffix)")
        return ["-plugin", "\(plugin.path),functions=\(functions.path),vectors=\(vectors),output=\(output.path)"]
    }
}
