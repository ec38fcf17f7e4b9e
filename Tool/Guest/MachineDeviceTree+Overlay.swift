import Foundation
import SystemImage

// Compiles a machine's device tree and adds the file of the manifest's `device-tree`. That is either an overlay
// (`/plugin/` in its source, or compiled), which fdtoverlay applies, or plain source, which dtc reads behind that of
// the machine.
extension MachineDeviceTree {
    /// Returns the flattened device tree.
    ///
    /// - Throws: `Failure` if the file is no overlay, or does not fit the machine's device tree.
    func compiled(workspace: Workspace) throws -> Data {
        try workspace.make(workspace.state)
        let folder = workspace.state.appendingPathComponent("device-tree-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let compiler = DeviceTreeCompiler(folder: folder)
        guard let overlay else { return try compiler.compile(source, name: "machine") }
        let labelled = { try compiler.compile(source, name: "machine", withLabels: true) }
        switch try DeviceTreeOverlayKind(of: overlay) {
        case .compiled:
            return try compiler.apply(overlay, to: labelled(), named: overlay)
        case .overlay:
            let compiled = folder.appendingPathComponent("overlay.dtbo")
            try compiler.compile(overlay, to: compiled)
            return try compiler.apply(compiled, to: labelled(), named: overlay)
        case .source:
            let joined = source + "/include/ \(MachineDeviceTree.quoted(overlay.path))\n"
            return try compiler.compile(joined, name: "machine", including: overlay)
        }
    }
}

/// The form of a file that `device-tree` names.
enum DeviceTreeOverlayKind {
    case compiled
    case overlay
    case source

    init(of file: URL) throws {
        let data = try Data(contentsOf: file)
        let name = file.lastPathComponent
        if data.starts(with: [0xD0, 0x0D, 0xFE, 0xED]) {
            self = .compiled
            return
        }
        guard let text = String(data: data, encoding: .utf8), !text.unicodeScalars.contains("\0") else {
            throw Failure(
                "'\(name)' is neither a device tree overlay nor source of one", remedy: DeviceTreeOverlayKind.remedy)
        }
        let code = text.replacing(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/, with: "")
        if code.contains("/plugin/") {
            self = .overlay
        } else if code.contains("/dts-v1/") {
            throw Failure(
                "'\(name)' is a whole device tree, no overlay: it has '/dts-v1/;' and no '/plugin/;'",
                remedy: DeviceTreeOverlayKind.remedy)
        } else {
            self = .source
        }
    }

    static let remedy = "begin it with '/dts-v1/; /plugin/;' and add nodes by '&LABEL { ... };' or '&{/PATH} { ... };'"
}

/// Runs dtc and fdtoverlay, and converts their messages into errors at a place of the user's file.
struct DeviceTreeCompiler {
    /// The folder of intermediate files.
    let folder: URL

    /// Compiles source.
    ///
    /// - Parameters:
    ///   - withLabels: true to keep the labels, to which overlays refer.
    ///   - including: the user's file that the source includes.
    func compile(_ source: String, name: String, withLabels: Bool = false, including: URL? = nil) throws -> Data {
        let file = folder.appendingPathComponent("\(name).dts")
        let result = folder.appendingPathComponent("\(name).dtb")
        try Data(source.utf8).write(to: file)
        let search = including.map { ["-i", $0.deletingLastPathComponent().path] } ?? []
        try run(
            "dtc",
            ["-q", "-I", "dts", "-O", "dtb"] + (withLabels ? ["-@"] : []) + search
                + ["-o", result.path, file.path], about: including ?? file)
        return try Data(contentsOf: result)
    }

    func compile(_ overlay: URL, to result: URL) throws {
        try run(
            "dtc",
            [
                "-q", "-@", "-I", "dts", "-O", "dtb", "-i", overlay.deletingLastPathComponent().path,
                "-o", result.path, overlay.path,
            ], about: overlay)
    }

    func apply(_ overlay: URL, to tree: Data, named file: URL) throws -> Data {
        let base = folder.appendingPathComponent("base.dtb")
        let result = folder.appendingPathComponent("result.dtb")
        try tree.write(to: base)
        let (status, text) = try Subprocess(
            "fdtoverlay", ["-i", base.path, "-o", result.path, overlay.path]
        ).outcome()
        guard status == 0 else {
            let isUnknown = text.contains("FDT_ERR_NOTFOUND")
            throw Failure(
                "the overlay '\(file.lastPathComponent)' does not fit the machine's device tree: "
                    + (isUnknown ? "it refers to a label or a path that is not there" : text.oneLine),
                remedy: isUnknown
                    ? "labels are gic, clock and serial, and '&{/PATH}' names a node, such as '&{/chosen}'"
                    : DeviceTreeOverlayKind.remedy)
        }
        return try Data(contentsOf: result)
    }

    /// Runs a program.
    ///
    /// - Parameter file: the file that the user can mend.
    private func run(_ program: String, _ arguments: [String], about file: URL) throws {
        let (status, text) = try Subprocess(program, arguments).outcome()
        guard status != 0 else { return }
        // The message has the form: Error: PATH:3.5-12 syntax error
        let place = text.firstMatch(of: /:(\d+)\.(\d+)[-0-9.]*:? *([^\n]*)/)
        let what = place.map { "line \($0.1), column \($0.2): \($0.3)" } ?? text.oneLine
        throw Failure(
            "'\(file.lastPathComponent)' is no device tree source: \(what)", remedy: DeviceTreeOverlayKind.remedy)
    }
}

extension String {
    fileprivate var oneLine: String {
        split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: "; ")
    }
}
