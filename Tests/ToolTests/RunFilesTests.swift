import Foundation
import SystemImage
import Testing

@testable import Tool
@testable import Workshop

/// A folder of its own for each test.
func makeWorkspace() throws -> Workspace {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent("entente-tests-\(UUID().uuidString)")
    let workspace = Workspace(root: root)
    try workspace.make(root)
    return workspace
}

@Suite struct RunFilesTests {
    private let console = Channel(name: "root", kind: .root, number: 1)

    /// Systems of one name, or one system twice, have no file in common.
    @Test func runsAtTheSameTimeShareNothing() throws {
        let workspace = try makeWorkspace()
        defer { try? FileManager.default.removeItem(at: workspace.root) }
        let first = try RunFiles("system", workspace: workspace)
        let second = try RunFiles("system", workspace: workspace)
        #expect([first.name, second.name] == ["system", "system.2"])
        #expect(Set([first.image, second.image, first.logs, second.logs, first.control, second.control]).count == 6)
        try Data([1]).write(to: first.image)
        let log = try ConsoleLogs(folder: first.logs, channels: [console])
        log.write([0x61], of: 1)
        _ = try ConsoleLogs(folder: second.logs, channels: [console])
        #expect(try Data(contentsOf: first.log(ofConsole: console.name)) == Data([0x61]))
    }

    @Test func aNameIsFreeAfterItsRun() throws {
        let workspace = try makeWorkspace()
        defer { try? FileManager.default.removeItem(at: workspace.root) }
        var files: RunFiles? = try RunFiles("system", workspace: workspace)
        let image = try #require(files?.image)
        try Data([1]).write(to: image)
        #expect(try RunFiles.present(in: workspace) == ["system"])
        files = nil
        #expect(try RunFiles.present(in: workspace).isEmpty)
        #expect(!FileManager.default.fileExists(atPath: image.path))
        #expect(try RunFiles("system", workspace: workspace).name == "system")
    }

    /// A process that another thread starts has copies of all descriptors until it becomes another program.
    @Test func aProcessThatIsBeingStartedKeepsNoLock() throws {
        let workspace = try makeWorkspace()
        defer { try? FileManager.default.removeItem(at: workspace.root) }
        let file = workspace.runs.appendingPathComponent("x.lock")
        var lock = try FileLock.take(file)
        let copy = dup(try #require(lock?.descriptor))
        defer { close(copy) }
        #expect(try FileLock.take(file) == nil)
        lock = nil
        #expect(try FileLock.take(file) != nil)
    }

    /// A run that was killed leaves its image behind, and the next one finds it.
    @Test func filesOfADeadRunAreRemoved() throws {
        let workspace = try makeWorkspace()
        defer { try? FileManager.default.removeItem(at: workspace.root) }
        let running = try RunFiles("other", workspace: workspace)
        try Data([1]).write(to: running.image)
        for file in ["dead.lock", "dead.img"] { try Data([1]).write(to: workspace.runs.appendingPathComponent(file)) }
        _ = try RunFiles("system", workspace: workspace)
        #expect(!FileManager.default.fileExists(atPath: workspace.runs.appendingPathComponent("dead.img").path))
        #expect(FileManager.default.fileExists(atPath: running.image.path))
    }

    /// A look for runs takes no place from a run that begins in that moment.
    @Test func lookingForRunsDisturbsNone() throws {
        let workspace = try makeWorkspace()
        defer { try? FileManager.default.removeItem(at: workspace.root) }
        DispatchQueue.concurrentPerform(iterations: 3) { role in
            for _ in 0..<200 {
                if role == 0 {
                    _ = try? RunFiles.present(in: workspace)
                } else {
                    let name = "system\(role)"
                    #expect((try? RunFiles(name, workspace: workspace).name) == name)
                }
            }
        }
    }

    @Test func tooManyAreRefused() throws {
        let workspace = try makeWorkspace()
        defer { try? FileManager.default.removeItem(at: workspace.root) }
        let places = try (1...RunFiles.most).map { _ in try RunFiles("system", workspace: workspace) }
        let failure = #expect(throws: Failure.self) { try RunFiles("system", workspace: workspace) }
        #expect(failure?.problem == "99 systems named 'system' run already")
        #expect(places.count == RunFiles.most)
    }

    /// A reader sees the old file or the new one at every moment.
    @Test func filesAreWrittenWhole() throws {
        let workspace = try makeWorkspace()
        defer { try? FileManager.default.removeItem(at: workspace.root) }
        let file = workspace.root.appendingPathComponent("file")
        let texts = [Data(repeating: 1, count: 1 << 20), Data(repeating: 2, count: 1 << 20)]
        try texts[0].writeWhole(to: file)
        DispatchQueue.concurrentPerform(iterations: 2) { role in
            for turn in 0..<30 {
                if role == 0 {
                    try? texts[turn & 1].writeWhole(to: file)
                } else {
                    let seen = try? Data(contentsOf: file)
                    #expect(seen == texts[0] || seen == texts[1])
                }
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: workspace.root.path) == ["file"])
    }
}

@Suite struct CleanTests {
    /// Makes a workspace.
    ///
    /// - Parameter isElsewhere: true if the output does not go into the checkout.
    private func workspace(isElsewhere: Bool) throws -> Workspace {
        let root = try makeWorkspace().root
        let workspace = Workspace(root: root, output: isElsewhere ? root.appendingPathComponent("out") : nil)
        for path in [
            "tool.lock", "runs/old.lock", "runs/build.exclusive", "runs/old.img", "programs/a.elf", "logs/a/b.log",
            "disks/a/main.raw",
        ] {
            let file = workspace.state.appendingPathComponent(path)
            try workspace.make(file.deletingLastPathComponent())
            try Data([1]).write(to: file)
        }
        try workspace.make(workspace.build)
        try workspace.make(workspace.package)
        return workspace
    }

    private func files(of workspace: Workspace) throws -> Set<String> {
        Set(try FileManager.default.subpathsOfDirectory(atPath: workspace.state.path))
    }

    private let locks: Set = [
        "tool.lock", "runs", "runs/old.lock", "runs/build.exclusive", "runs/places.exclusive",
    ]

    /// A lock that is deleted while another run holds it no longer excludes other runs.
    @Test(arguments: [false, true])
    func locksStay(isElsewhere: Bool) throws {
        let workspace = try workspace(isElsewhere: isElsewhere)
        defer { try? FileManager.default.removeItem(at: workspace.root) }
        try CleanCommand.parse([]).delete(in: workspace)
        let disks: Set = ["disks", "disks/a", "disks/a/main.raw"]
        #expect(
            try files(of: workspace)
                == locks.union(disks).union(["runs/old.img", "logs", "logs/a", "logs/a/b.log"]))
        try CleanCommand.parse(["--all"]).delete(in: workspace)
        #expect(try files(of: workspace) == locks.union(disks))
        try CleanCommand.parse(["--all", "--disks"]).delete(in: workspace)
        #expect(try files(of: workspace) == locks)
        #expect(!FileManager.default.fileExists(atPath: workspace.build.path))
        #expect(FileManager.default.fileExists(atPath: workspace.package.path) == !isElsewhere)
    }

    @Test func aRunningSystemKeepsItsFiles() throws {
        let workspace = try workspace(isElsewhere: false)
        defer { try? FileManager.default.removeItem(at: workspace.root) }
        let files = try RunFiles("system", workspace: workspace)
        let failure = #expect(throws: Failure.self) { try CleanCommand.parse(["--all"]).delete(in: workspace) }
        #expect(failure?.problem == "these systems run and use the files that would be deleted: system")
        #expect(FileManager.default.fileExists(atPath: workspace.programs.path))
        withExtendedLifetime(files) {}
    }
}
