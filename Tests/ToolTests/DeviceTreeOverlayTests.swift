import Foundation
import SystemImage
import Testing

@testable import Tool
@testable import Workshop

/// Tests that `device-tree` accepts an overlay in each of three forms, and that other files are refused with a message.
@Suite struct DeviceTreeOverlayTests {
    private let folder = TemporaryFolder()

    /// Returns a property of the machine's device tree with the overlay, as fdtget reads it.
    private func property(_ node: String, _ name: String, with overlay: URL) throws -> String {
        let workspace = Workspace(root: folder.url)
        var tree = MachineDeviceTree(memory: 0x4000_0000...0x4FFF_FFFF, cpus: 1, commandLine: "quiet")
        tree.overlay = overlay
        let file = folder.url.appendingPathComponent("result.dtb")
        try tree.compiled(workspace: workspace).write(to: file)
        // The result keeps all of the original.
        #expect(try Subprocess("fdtget", [file.path, "/chosen", "bootargs"]).text() == "quiet")
        return try Subprocess("fdtget", [file.path, node, name]).text()
    }

    @Test func plainSourceIsAdded() throws {
        let overlay = try folder.write(
            "o.dts", "/ { chosen { greeting = \"hello\"; }; };\n&serial { note = \"mine\"; };\n")
        #expect(try property("/chosen", "greeting", with: overlay) == "hello")
        #expect(try property("/pl011@9000000", "note", with: overlay) == "mine")
    }

    private static let overlay = """
        /dts-v1/;
        /plugin/;
        /* By label, by path, and as a fragment. */
        &serial { note = "mine"; };
        &{/chosen} { greeting = "hello"; };
        / {
            fragment@7 {
                target-path = "/";
                __overlay__ {
                    device@b800000 { reg = <0 0xb800000 0 0x1000>; interrupt-parent = <&gic>; interrupts = <0 30 4>; };
                };
            };
        };
        """

    @Test func anOverlayIsApplied() throws {
        let overlay = try folder.write("o.dtso", Self.overlay)
        #expect(try property("/pl011@9000000", "note", with: overlay) == "mine")
        #expect(try property("/chosen", "greeting", with: overlay) == "hello")
        #expect(try property("/device@b800000", "interrupts", with: overlay) == "0 30 4")
    }

    @Test func aCompiledOverlayIsApplied() throws {
        let source = try folder.write("o.dtso", Self.overlay)
        let overlay = folder.url.appendingPathComponent("o.dtbo")
        try Subprocess("dtc", ["-q", "-@", "-I", "dts", "-O", "dtb", "-o", overlay.path, source.path]).run()
        #expect(try property("/chosen", "greeting", with: overlay) == "hello")
    }

    @Test(arguments: [
        ("/ { chosen { greeting = };\n", "no device tree source: line 1, column 25: syntax error"),
        ("rubbish\n", "no device tree source: line 1, column 1"),
        ("/dts-v1/;\n/ { model = \"board\"; };\n", "a whole device tree, no overlay"),
        ("/dts-v1/;\n/plugin/;\n&uart0 { status = \"okay\"; };\n", "refers to a label or a path that is not there"),
        ("/dts-v1/;\n/plugin/;\n&serial {\n", "line 3, column 10: syntax error"),
        ("\0\u{1}\u{2}", "neither a device tree overlay nor source of one"),
        ("\n&nothing { a; };\n", "no device tree source"),
    ])
    func aFileThatIsNoOverlayIsRefused(text: String, problem: String) throws {
        let overlay = try folder.write("o.dtso", text)
        let error = #expect(throws: Failure.self) { try property("/", "model", with: overlay) }
        #expect(error?.problem.contains(problem) == true, "\(error?.problem ?? "")")
        #expect(error?.problem.contains("'o.dtso'") == true)
        #expect(error?.problem.contains(folder.url.path) == false)
    }
}

/// Tests the errors of `check` for files that a build would refuse, and their places.
@Suite struct MachineInspectionTests {
    private let folder = TemporaryFolder()

    private func messages(_ machine: String) throws -> [String] {
        let manifest = try folder.write("system.yaml", "system: s\nmachines:\n  d: {\(machine)}\n")
        let workspace = Workspace(root: folder.url)
        try workspace.make(workspace.state)
        let inspection = MachineInspection(workspace: workspace)
        func text(_ found: [Diagnostic]) -> [String] {
            found.map { diagnostic in
                let place = diagnostic.place.map { "\($0.line):\($0.column)" } ?? "?"
                return "\(place) \(diagnostic.severity): \(diagnostic.problem) | \(diagnostic.remedy ?? "")"
            }
        }
        do {
            return text(try Manifest.load(path: manifest.path, inspecting: inspection.findings).warnings)
        } catch {
            return text(error.diagnostics)
        }
    }

    /// An Image of a few bytes that claims to need 20 MiB, as Linux does with its uninitialised data.
    private func writeImage() throws {
        var image = Data(count: 64)
        image.replaceSubrange(16..<20, with: [0, 0, 0x40, 1])
        image.replaceSubrange(56..<60, with: Data("ARM\u{64}".utf8))
        try image.write(to: folder.url.appendingPathComponent("Image"))
    }

    @Test func aMachineThatHasRoomIsAccepted() throws {
        try writeImage()
        _ = try folder.write("initrd", "x")
        #expect(try messages("kernel: Image, initrd: initrd, memory: 64MiB") == [])
    }

    @Test func aMachineTooSmallForItsKernelIsRefused() throws {
        try writeImage()
        let found = try messages("kernel: Image, memory: 2MiB")
        #expect(found.count == 1)
        #expect(
            found.first?.hasPrefix("3:30 error: machine 'd': the kernel needs memory up to 0x41400000") == true,
            "\(found)")
        #expect(found.first?.hasSuffix("at least 20MiB") == true, "\(found)")
    }

    @Test func anInitialRAMDiskLargerThanRAMIsRefused() throws {
        try writeImage()
        try Data(count: 65 << 20).write(to: folder.url.appendingPathComponent("initrd"))
        let found = try messages("kernel: Image, initrd: initrd, memory: 64MiB")
        #expect(found.count == 1)
        #expect(
            found.first?.hasPrefix("3:30 error: machine 'd': kernel, initial RAM disk and device tree") == true,
            "\(found)")
    }

    @Test func scarceMemoryIsAWarning() throws {
        try writeImage()
        let found = try messages("kernel: Image, memory: 32MiB")
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("3:30 warning: machine 'd': its 32MiB hardly suffice") == true, "\(found)")
        #expect(found.first?.hasSuffix("give it at least 48MiB") == true, "\(found)")
    }

    @Test func aKernelForOtherAddressesIsNotAboutMemory() throws {
        // An ELF file whose one segment belongs to address 0.
        var elf = Data([0x7F, 0x45, 0x4C, 0x46, 2, 1, 1]) + Data(count: 113)
        elf.replaceSubrange(16..<20, with: [2, 0, 183, 0])
        elf.replaceSubrange(32..<33, with: [64])
        elf.replaceSubrange(54..<58, with: [56, 0, 1, 0])
        elf.replaceSubrange(64..<69, with: [1, 0, 0, 0, 5])
        elf.replaceSubrange(96..<97, with: [120])
        elf.replaceSubrange(104..<105, with: [120])
        try elf.write(to: folder.url.appendingPathComponent("kernel.elf"))
        let found = try messages("memory: 32MiB, kernel: kernel.elf")
        #expect(found.count == 1)
        #expect(
            found.first?.hasPrefix("3:30 error: machine 'd': the kernel's part for 0x0 lies below") == true, "\(found)")
    }

    @Test func aDeviceTreeThatIsNoneIsRefused() throws {
        try writeImage()
        _ = try folder.write("o.dtso", "rubbish")
        let found = try messages("kernel: Image, memory: 64MiB, device-tree: o.dtso")
        #expect(found.count == 1)
        #expect(
            found.first?.hasPrefix("3:50 error: machine 'd': 'o.dtso' is no device tree source") == true, "\(found)")
    }
}

/// A folder that goes with the test.
final class TemporaryFolder: Sendable {
    let url: URL

    init() {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("entente-test-\(UUID().uuidString)")
        try? FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func write(_ name: String, _ text: String) throws -> URL {
        let file = url.appendingPathComponent(name)
        let folder = file.deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
        return file
    }
}

/// Writes a program that a test runs. Another process makes the file, because Linux runs no file that is open for
/// writing, and a process that another test starts has copies of this one's open files for a moment.
func writeProgram(_ text: String, to file: URL) throws {
    let source = file.appendingPathExtension("source")
    try Data(text.utf8).write(to: source)
    defer { try? FileManager.default.removeItem(at: source) }
    _ = try Subprocess("install", ["-m", "755", source.path, file.path]).text()
}
