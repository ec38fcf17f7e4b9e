import Foundation
import SystemImage
import Testing

@testable import Tool

/// The files of a board's disks.
@Suite struct DiskFilesTests {
    private let workspace: Workspace

    init() throws { workspace = try makeWorkspace() }

    /// Returns a system with a disk, in a folder of its own.
    private func manifest(_ board: String = "{main: {size: 16MiB}}", folder: String = "system") throws -> Manifest {
        let file = workspace.root.appendingPathComponent("\(folder)/system.yaml")
        try workspace.make(file.deletingLastPathComponent())
        try Data("system: named\ncomponents: {a: {target: Heartbeat}}\nboard: {disks: \(board)}".utf8).write(to: file)
        return try Manifest.load(path: file.path)
    }

    private func size(_ file: URL) throws -> Int {
        try #require(file.resourceValues(forKeys: [.fileSizeKey]).fileSize)
    }

    private func remove() { try? FileManager.default.removeItem(at: workspace.root) }

    @Test func filesAreMadeAndStay() throws {
        defer { remove() }
        let manifest = try manifest("{main: {size: 1GiB}}")
        let file = workspace.disks.appendingPathComponent("named/main.raw")
        do {
            let disks = try DiskFiles(of: manifest, workspace: workspace)
            #expect(disks.files.map(\.file.path) == [file.path])
        }
        #expect(try size(file) == 1 << 30)
        #expect(FileManager.default.allocatedSize(below: file) == 0)
        let handle = try FileHandle(forWritingTo: file)
        try handle.write(contentsOf: Data([7]))
        try handle.close()
        _ = try DiskFiles(of: manifest, workspace: workspace)
        #expect(try FileHandle(forReadingFrom: file).read(upToCount: 1) == Data([7]))
    }

    @Test func aFileGrowsAndNeverShrinks() throws {
        defer { remove() }
        let file = workspace.disks.appendingPathComponent("named/main.raw")
        for (board, expected) in [
            ("{main: {size: 32MiB}}", 32), ("{main: {size: 64MiB}}", 64), ("{main: {size: 16MiB}}", 64),
            ("{main: {}}", 64),
        ] {
            let disks = try DiskFiles(of: manifest(board), workspace: workspace)
            #expect(try size(file) == expected << 20)
            #expect(try disks.sizes == ["main": UInt64(expected) << 20])
        }
    }

    @Test func aSecondRunIsRefused() throws {
        defer { remove() }
        let manifest = try manifest()
        let first = try DiskFiles(of: manifest, workspace: workspace)
        let failure = #expect(throws: Failure.self) { try DiskFiles(of: manifest, workspace: workspace) }
        #expect(failure?.problem.contains("main.raw is open in another run of the tool") == true)
        #expect(failure?.remedy?.contains("--disks FOLDER") == true)
        let folder = workspace.root.appendingPathComponent("other")
        let second = try DiskFiles(of: manifest, workspace: workspace, folder: folder)
        #expect(second.files.map(\.file.path) == [folder.appendingPathComponent("main.raw").path])
        withExtendedLifetime((first, second)) {}
    }

    /// Two systems of one name would write into the files of each other.
    @Test func anotherSystemOfTheSameNameIsRefused() throws {
        defer { remove() }
        let first = try manifest()
        _ = try DiskFiles(of: first, workspace: workspace)
        let second = try manifest(folder: "another")
        let failure = #expect(throws: Failure.self) { try DiskFiles(of: second, workspace: workspace) }
        #expect(failure?.problem.contains("belong to \(first.file.path), which has the same name") == true)
        // After that the manifest has moved.
        try FileManager.default.removeItem(at: first.file)
        _ = try DiskFiles(of: second, workspace: workspace)
    }

    @Test func theManifestsOwnFileIsUsed() throws {
        defer { remove() }
        let manifest = try manifest("{main: {file: \"a,b.raw\"}, other: {size: 16MiB}}")
        let disks = try DiskFiles(of: manifest, workspace: workspace)
        let file = manifest.file.deletingLastPathComponent().appendingPathComponent("a,b.raw")
        #expect(try size(file) == 4 << 30)
        let text = disks.arguments.joined(separator: " ")
        #expect(
            text.hasPrefix("-global virtio-mmio.force-legacy=false -drive if=none,id=disk0,format=raw,discard=unmap,"))
        #expect(
            text.contains(
                "file=\(file.path.replacing(",", with: ",,")) -device virtio-blk-device,bus=virtio-mmio-bus.0"))
        #expect(text.hasSuffix("virtio-blk-device,bus=virtio-mmio-bus.1,drive=disk1,num-queues=1,serial=other"))
    }

    @Test func aBoardWithoutDisksNeedsNoFiles() throws {
        defer { remove() }
        let manifest = try manifest("{}")
        #expect(try DiskFiles.needed(by: manifest, workspace: workspace, folder: nil) == nil)
        #expect(!FileManager.default.fileExists(atPath: workspace.disks.path))
    }

    @Test func onTheBareBoardOnlyWholeDisksAreThere() throws {
        defer { remove() }
        var machine = MachineDescription(name: "m")
        #expect(try machine.bareDisks() == [])
        machine.disks = [DiskDescription(name: "root"), DiskDescription(name: "data")]
        machine.disks[0].place = .whole
        machine.disks[0].boardDisk = "second"
        let failure = #expect(throws: Failure.self) { try machine.bareDisks() }
        #expect(failure?.problem.contains("would lack its disk 'data'") == true)
        machine.disks.removeLast()
        #expect(try machine.bareDisks() == ["second"])
        let disks = try DiskFiles(of: manifest("{main: {}, second: {}}"), workspace: workspace)
        let arguments = disks.arguments(slots: ["second"]).joined(separator: " ")
        #expect(arguments.contains("second.raw") && !arguments.contains("main.raw"))
        #expect(arguments.contains("bus=virtio-mmio-bus.0"))
    }
}
