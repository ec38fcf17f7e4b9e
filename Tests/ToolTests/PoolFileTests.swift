import DiskPool
import Foundation
import SystemImage
import Testing

@testable import Tool

/// Pools in files of the host.
@Suite struct PoolFileTests {
    private let workspace: Workspace

    init() throws { workspace = try makeWorkspace() }

    private func remove() { try? FileManager.default.removeItem(at: workspace.root) }

    private func file(_ name: String) -> URL { workspace.root.appendingPathComponent(name) }

    private func pool(megabytes: Int = 64) throws -> PoolFile {
        let file = file("pool.raw")
        FileManager.default.createFile(atPath: file.path, contents: nil)
        #expect(truncate(file.path, off_t(megabytes << 20)) == 0)
        return try PoolFile.format(file, boardDisk: "main")
    }

    /// Returns contents with data, units of zeros and a hole, whose size is no multiple of a unit.
    private func contents() -> Data {
        var data = Data(count: 5 << 20)
        var generator = SystemRandomNumberGenerator()
        for start in [0, 100_000, 1 << 20, 3_000_000] {
            for index in start..<start + 40_000 { data[index] = UInt8.random(in: 0...255, using: &generator) }
        }
        data.append(Data(repeating: 9, count: 1536))
        return data
    }

    @Test func aPoolIsFoundAgain() throws {
        defer { remove() }
        do {
            let pool = try pool()
            _ = try pool.create("web.root", bytes: 8 << 20, hasChecksums: true)
            try pool.commit()
        }
        let found = try #require(try PoolFile.open(file("pool.raw"), boardDisk: "main"))
        #expect(found.disks.map(\.name.text) == ["web.root"])
        #expect(found.disks.map(\.sectors) == [16384] && found.disks.map(\.hasChecksums) == [true])
    }

    @Test func aFileWithoutAPoolHasNone() throws {
        defer { remove() }
        try Data(repeating: 1, count: 1 << 20).write(to: file("data"))
        #expect(try PoolFile.open(file("data"), boardDisk: "main") == nil)
        #expect(throws: Failure.self) { try PoolFile.open(file("nothing"), boardDisk: "main") }
    }

    @Test func aDamagedPoolIsNoNewOne() throws {
        defer { remove() }
        _ = try pool()
        let handle = try FileHandle(forUpdating: file("pool.raw"))
        for copy in 0..<4 {
            try handle.seek(toOffset: UInt64(copy * PoolLayout.unitSize + 100))
            try handle.write(contentsOf: Data([0xFF]))
        }
        let failure = #expect(throws: Failure.self) { try PoolFile.open(file("pool.raw"), boardDisk: "main") }
        #expect(failure?.problem.contains("is damaged") == true)
    }

    @Test(arguments: [false, true]) func contentsSurviveImportAndExport(hasChecksums: Bool) throws {
        defer { remove() }
        let data = contents()
        try data.write(to: file("image.raw"))
        let pool = try pool()
        try pool.importImage(file("image.raw"), as: "golden", bytes: nil, hasChecksums)
        try pool.importImage(file("image.raw"), as: "larger", bytes: 6 << 20, hasChecksums)
        try pool.commit()
        let found = try #require(try PoolFile.open(file("pool.raw"), boardDisk: "main", isReadOnly: true))
        for (name, expected) in [("golden", data), ("larger", data + Data(count: (1 << 20) - 1536))] {
            let index = try #require(found.index(of: name))
            try found.exportContents(of: index, named: name, to: file(name))
            #expect(try Data(contentsOf: file(name)) == expected)
            // Eleven units have data, and at most four nodes of the map.
            #expect(found.pool.record(index).used <= 15)
        }
        let failure = #expect(throws: Failure.self) {
            try found.exportContents(of: 0, named: "golden", to: file("golden"))
        }
        #expect(failure?.problem.contains("exists already") == true)
    }

    @Test func anImageThatIsTooLargeLeavesNothing() throws {
        defer { remove() }
        try contents().write(to: file("image.raw"))
        let pool = try pool()
        let failure = #expect(throws: Failure.self) {
            try pool.importImage(file("image.raw"), as: "golden", bytes: 1 << 20, false)
        }
        #expect(failure?.problem.contains("has 1MiB, but the image") == true)
        try Data(repeating: 1, count: 64 << 20).write(to: file("full.raw"))
        #expect(throws: Failure.self) {
            try self.pool().importImage(file("full.raw"), as: "full", bytes: nil, false)
        }
        #expect(pool.disks.isEmpty)
    }

    @Test(.enabled(if: Subprocess.find("qemu-img") != nil), arguments: [DiskImageFile.Format.qcow2, .vmdk])
    func otherFormatsAreConverted(format: DiskImageFile.Format) throws {
        defer { remove() }
        let data = contents()
        try data.write(to: file("image.raw"))
        try DiskImageFile.convert(file("image.raw"), .raw, to: file("image"), format)
        let image = try DiskImageFile(file("image"))
        #expect(image.format == format)
        let pool = try pool()
        try pool.importImage(file("image"), as: "golden", bytes: nil, false)
        try pool.exportContents(of: try #require(pool.index(of: "golden")), named: "golden", to: file("out"))
        #expect(try Data(contentsOf: file("out")).prefix(data.count) == data)
        let names = try FileManager.default.contentsOfDirectory(atPath: workspace.root.path)
        #expect(Set(names) == ["image.raw", "image", "pool.raw", "out"])
    }
}

/// The disks that a run makes before it starts the emulator.
@Suite struct PoolPreparationTests {
    private let workspace: Workspace

    init() throws { workspace = try makeWorkspace() }

    private func remove() { try? FileManager.default.removeItem(at: workspace.root) }

    /// Makes an image with recognisable contents in the place of a Debian.
    private func debianImage(_ debian: DebianSystem) throws -> URL {
        let file = workspace.root.appendingPathComponent("\(debian.templateName).raw")
        try Data(repeating: 0xDE, count: 1 << 20).write(to: file)
        return file
    }

    private func manifest(
        _ disks: String, templates: String = "{}", board: String = "{main: {size: 64MiB}}"
    ) throws -> Manifest {
        let file = workspace.root.appendingPathComponent("system.yaml")
        let text = """
            system: prepared
            components: {a: {target: Heartbeat, disks: \(disks)}}
            disks: \(templates)
            board: {disks: \(board)}
            """
        try Data(text.utf8).write(to: file)
        return try Manifest.load(path: file.path)
    }

    /// Prepares a system, and returns the pool of its board's disk.
    @discardableResult
    private func prepare(_ manifest: Manifest) throws -> PoolFile {
        let files = try DiskFiles(of: manifest, workspace: workspace)
        try PoolPreparation(disks: manifest.disks, image: debianImage).prepare(files)
        return try #require(try PoolFile.open(files.files[0].file, boardDisk: "main"))
    }

    private func sectors(_ pool: PoolFile, _ name: String) -> UInt64? {
        pool.index(of: name).map { pool.pool.record($0).sectors }
    }

    @Test func missingDisksAreMadeOnce() throws {
        defer { remove() }
        let image = workspace.root.appendingPathComponent("golden.raw")
        try Data(repeating: 5, count: 2 << 20).write(to: image)
        let manifest = try manifest(
            "{root: {clone-of: golden, size: 4MiB}, same: {clone-of: golden}, data: {size: 1MiB, checksums: true}}",
            templates: "{golden: {image: golden.raw}}")
        do {
            let pool = try prepare(manifest)
            #expect(pool.disks.map(\.name.text) == ["a.data", "a.root", "a.same", "golden"])
            #expect(pool.disks.map(\.sectors) == [2048, 8192, 4096, 4096])
            #expect(pool.disks.map(\.hasChecksums) == [true, false, false, false])
            let root = try #require(pool.index(of: "a.root"))
            pool.memory.window.initializeMemory(as: UInt8.self, repeating: 1)
            try pool.perform(.write, disk: root, sector: 0, count: 8)
            try pool.commit()
        }
        // The image of a disk that exists does not matter any more.
        try Data(repeating: 6, count: 1 << 20).write(to: image)
        let pool = try prepare(manifest)
        let root = try #require(pool.index(of: "a.root"))
        try pool.perform(.read, disk: root, sector: 0, count: 16)
        #expect(pool.memory.window[4095] == 1 && pool.memory.window[4096] == 5)
        try pool.perform(.read, disk: try #require(pool.index(of: "golden")), sector: 0, count: 16)
        #expect(pool.memory.window[0] == 5)
    }

    /// A disk keeps its contents when the list of Debian's packages changes, and the user is told.
    @Test func otherPackagesAreNoticed() throws {
        defer { remove() }
        for (packages, count) in [("[bb, aa]", 0), ("[aa, bb]", 0), ("[aa]", 1), ("[aa, bb]", 0)] {
            let file = workspace.root.appendingPathComponent("system.yaml")
            let text = """
                system: prepared
                machines: {web: {guest: {debian: {packages: \(packages)}}}}
                board: {disks: {main: {size: 6GiB}}}
                """
            try Data(text.utf8).write(to: file)
            let manifest = try Manifest.load(path: file.path)
            let files = try DiskFiles(of: manifest, workspace: workspace)
            var warnings: [Diagnostic] = []
            try PoolPreparation(disks: manifest.disks, image: debianImage, warn: { warnings.append($0) }).prepare(files)
            #expect(warnings.count == count, "\(packages)")
            for warning in warnings { #expect(warning.problem.contains("'web.root' was made with other packages")) }
            let pool = try #require(try PoolFile.open(files.files[0].file, boardDisk: "main"))
            let names = pool.disks.map(\.name.text)
            #expect(names.filter { $0.hasPrefix("debian-") }.count == 1 && names.contains("web.root"))
        }
    }

    @Test func disksGrowAndNeverShrink() throws {
        defer { remove() }
        for (size, expected) in [("2MiB", 4096), ("8MiB", 16384), ("1MiB", 16384)] {
            let pool = try prepare(manifest("{d: {size: \(size)}}"))
            #expect(sectors(pool, "a.d") == UInt64(expected))
        }
    }

    /// A run that was killed while it copied an image has left a part of the disk.
    @Test func unfinishedDisksAreMadeAnew() throws {
        defer { remove() }
        do {
            let pool = try prepare(manifest("{d: {size: 2MiB}}"))
            _ = try pool.create("a.e~", bytes: 1 << 20, hasChecksums: false)
            try pool.commit()
        }
        let pool = try prepare(manifest("{d: {size: 2MiB}, e: {size: 3MiB}}"))
        #expect(pool.disks.map(\.name.text) == ["a.d", "a.e"] && sectors(pool, "a.e") == 6144)
    }

    /// An import that was interrupted is no obstacle to the next one of the name.
    @Test func anInterruptedImportIsRepeated() throws {
        defer { remove() }
        let image = workspace.root.appendingPathComponent("golden.raw")
        try Data(repeating: 5, count: 2 << 20).write(to: image)
        let pool = try prepare(manifest("{d: {size: 2MiB}}"))
        let free = pool.pool.freeUnits
        let part = try pool.create("golden~", bytes: 1 << 20, hasChecksums: false)
        try pool.perform(.write, disk: part, sector: 0, count: 512)
        try pool.importImage(image, as: "golden", bytes: nil, false)
        #expect(pool.disks.map(\.name.text) == ["a.d", "golden"] && sectors(pool, "golden") == 4096)
        try pool.perform(.delete, on: "golden")
        try pool.commit()
        #expect(pool.pool.freeUnits == free)
    }

    /// A machine's whole disk does not become a pool when the manifest changes.
    @Test(arguments: [0, 0x10040, (32 << 20) - 512]) func aWholeDiskWithDataIsNotOverwritten(offset: Int) throws {
        defer { remove() }
        let board = "{main: {size: 32MiB}}"
        let whole = try DiskFiles(of: manifest("{d: {whole: true}}", board: board), workspace: workspace).files[0].file
        let handle = try FileHandle(forUpdating: whole)
        try handle.seek(toOffset: UInt64(offset))
        try handle.write(contentsOf: Data("_BHRfS_M".utf8))
        try handle.close()
        let isRecognised = offset < 1 << 20
        let pooled = try manifest("{d: {size: 1MiB}}", board: board)
        if isRecognised {
            let failure = #expect(throws: Failure.self) { try prepare(pooled) }
            #expect(failure?.problem.contains("holds data, and no pool") == true)
        } else {
            // The making of a pool that was interrupted must not be an obstacle.
            #expect(try prepare(pooled).disks.map(\.name.text) == ["a.d"])
        }
    }

    /// No disk can take the space that another one was promised.
    @Test func spaceIsPromised() throws {
        defer { remove() }
        let manifest = try manifest("{d: {size: 20MiB}, e: {size: 20MiB}}")
        let pool = try prepare(manifest)
        _ = try pool.create("thief", bytes: 60 << 20, hasChecksums: false)
        let thief = try #require(pool.index(of: "thief"))
        pool.memory.window.initializeMemory(as: UInt8.self, repeating: 1)
        var taken = 0
        while taken < 60, (try? pool.perform(.write, disk: thief, sector: UInt64(taken) << 11, count: 2048)) != nil {
            taken += 1
        }
        #expect((15..<25).contains(taken))
        let victim = try #require(pool.index(of: "a.e"))
        for piece in 0..<20 { try pool.perform(.write, disk: victim, sector: UInt64(piece) << 11, count: 2048) }
        try pool.commit()
    }

    @Test func aDiskThatDoesNotFitIsRefused() throws {
        defer { remove() }
        let image = workspace.root.appendingPathComponent("golden.raw")
        FileManager.default.createFile(atPath: image.path, contents: nil)
        let manifest = try manifest("{root: {image: golden.raw}}")
        // The check of the manifest knew a smaller image.
        #expect(truncate(image.path, 80 << 20) == 0)
        let failure = #expect(throws: Failure.self) { try prepare(manifest) }
        #expect(failure?.problem.contains("has no room for all of 'a.root' (80MiB)") == true)
    }

    @Test func aUsersFileWithDataIsNotOverwritten() throws {
        defer { remove() }
        let own = workspace.root.appendingPathComponent("own.raw")
        let data = Data(count: 512) + Data("EFI PART".utf8) + Data(count: (32 << 20) - 520)
        try data.write(to: own)
        let manifest = try manifest("{d: {size: 1MiB}}", board: "{main: {file: own.raw}}")
        let failure = #expect(throws: Failure.self) { try prepare(manifest) }
        #expect(failure?.problem.contains("holds data, and no pool") == true)
        #expect(try Data(contentsOf: own) == data)
        // A file of zeros has nothing to lose.
        try Data(count: 32 << 20).write(to: own)
        #expect(try prepare(manifest).disks.map(\.name.text) == ["a.d"])
    }

    @Test func wholeDisksStayAsTheyAre() throws {
        defer { remove() }
        let manifest = try manifest("{d: {whole: true}}")
        let files = try DiskFiles(of: manifest, workspace: workspace)
        try PoolPreparation(disks: manifest.disks, image: debianImage).prepare(files)
        #expect(try PoolFile.open(files.files[0].file, boardDisk: "main") == nil)
    }
}
