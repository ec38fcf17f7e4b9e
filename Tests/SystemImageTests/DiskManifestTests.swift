import ABI
import Foundation
import Testing

@testable import SystemImage

/// The disks of a manifest, and the parts that the tool adds for them.
@Suite struct DiskManifestTests {
    private func valid(_ overrides: BoardOverrides = BoardOverrides()) throws -> Manifest {
        try Manifest.load(
            path: Repository.manifests.appendingPathComponent("valid/disks.yaml").path, overriding: overrides)
    }

    private func manifest(_ text: String) throws -> Manifest {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).yaml")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try Manifest.load(path: file.path)
    }

    @Test func disksAreRead() throws {
        let disks = try valid().disks
        #expect(disks.board.map(\.name) == ["main", "second"])
        #expect(disks.board.map(\.size) == [16 << 30, 4 << 30])
        #expect(disks.board.map(\.file?.lastPathComponent) == [nil, "second.raw"])
        #expect(disks.templates == [DiskTemplate(name: "golden", boardDisk: "main", size: 1 << 30)])
        #expect(disks.clients.map(\.owner) == ["web", "mail", "db"])
        #expect(disks.clients.map(\.tenant) == ["web.disks", "mail.disks", "db"])
        #expect(disks.clients[0].disks.map(\.cloneOf) == ["golden", nil])
        #expect(disks.clients[0].disks.map(\.hasChecksums) == [false, true])
        #expect(disks.clients[1].disks.map(\.isReadOnly) == [true, false])
        #expect(disks.clients[1].disks.map(\.place) == [.pool, .partition(2)])
        #expect(disks.clients[1].disks.map(\.boardDisk) == ["main", "second"])
        #expect(disks.hasPool("main") && !disks.hasPool("second"))
        #expect(disks.pool(of: "main").map(\.name) == ["web.root", "web.data", "mail.root"])
    }

    @Test func theToolAddsDriverStorageAndBackends() throws {
        let manifest = try valid()
        let names = [
            "block-driver", "storage", "disk-control", "web.disks", "web", "mail.disks", "mail", "db", "plain",
        ]
        #expect(manifest.tenants.map(\.name) == names)
        #expect(
            manifest.components.filter(\.isAdded).map(\.name) == [
                "block-driver", "storage", "disk-control", "web.disks", "mail.disks",
            ])
        let added = manifest.components.filter(\.isAdded)
        // The most urgent client is a component of priority 16.
        #expect(added.map(\.priority) == [17, 17, 17, 8, 12])
        #expect(added.map(\.core) == [0, 0, 0, 0, 1])
        #expect(added[0].devices.map(\.node) == ["virtio_mmio@a000000", "virtio_mmio@a000200"])
        #expect(try valid(BoardOverrides(cores: 1)).tenants.allSatisfy { $0.core == 0 })
    }

    @Test func theyStayBelowRootAndRestartWithoutEnd() throws {
        let urgent = try manifest(
            "components: {a: {target: Heartbeat, priority: 31, core: 1, disks: {d: {size: 1MiB}}}}\nboard: {cores: 2}")
        #expect(urgent.components.map(\.priority) == [29, 29, 29, 31])
        let restart = urgent.components[0].restart
        #expect(restart.onLimit == .stop && restart.shortestWay() >= restart.span)
    }

    @Test func aBoardWithoutDisksGetsOne() throws {
        func board(_ size: String) throws -> [BoardDiskDescription] {
            try manifest("machines: {m: {memory: 64MiB, disks: {a: {size: \(size)}}}}").disks.board
        }
        #expect(try board("1MiB") == [BoardDiskDescription(name: "main", size: 4 << 30)])
        #expect(try board("100GiB") == [BoardDiskDescription(name: "main", size: 200 << 30)])
        #expect(try manifest("machines: {m: {memory: 64MiB}}").disks == SystemDisks())
    }

    /// An image of 5 GiB and a clone of one, with as much again.
    @Test func aBoardWithoutDisksHasRoomForImages() throws {
        let image = Repository.manifests.appendingPathComponent("files/disk.qcow2").path
        let manifest = try manifest(
            """
            machines: {m: {memory: 64MiB, disks: {a: {image: \(image)}, b: {clone-of: c}}}}
            disks: {c: {image: \(image)}}
            """)
        #expect(manifest.disks.board == [BoardDiskDescription(name: "main", size: 30 << 30)])
    }

    /// A file of the user's own may be larger than the manifest says.
    @Test func aFileHasItsOwnSize() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).raw")
        defer { try? FileManager.default.removeItem(at: file) }
        FileManager.default.createFile(atPath: file.path, contents: nil)
        #expect(truncate(file.path, 20 << 30) == 0)
        for (size, expected) in [("", 20), (", size: 16GiB", 20), (", size: 24GiB", 24)] {
            let manifest = try manifest(
                "components: {a: {target: Heartbeat, disks: {d: {size: 15GiB}}}}\n"
                    + "board: {disks: {main: {file: \(file.path)\(size)}}}")
            #expect(manifest.disks.board[0].size == UInt64(expected) << 30)
        }
    }

    /// The storage component holds a map of each pool in memory.
    @Test func largerFilesNeedMoreMemory() throws {
        func sizes(_ manifest: Manifest) throws -> (heap: UInt64, window: UInt64) {
            let storage = try #require(manifest.components.first { $0.name == "storage" })
            let plan = try manifest.planWithPlaceholders()
            let window = plan.nodes.first { $0.name == "storage/window" }
            return (storage.memory, try #require(window).parameter)
        }
        var manifest = try valid()
        let before = try sizes(manifest)
        manifest.adaptDisks(toSizes: ["main": 1 << 20, "second": 1 << 30])
        #expect(try sizes(manifest) == before)
        manifest.adaptDisks(toSizes: ["main": 1 << 40])
        #expect(manifest.disks.board[0].size == 1 << 40)
        let after = try sizes(manifest)
        // 2²⁶ units, with a bit each, and another one for those that are about to be free.
        #expect(after.heap > before.heap + (8 << 20) && after.window > before.window + (15 << 20))
    }

    /// A component of the user's own may drive a disk of the board.
    @Test func aDiskWithoutUsersHasNoDriver() throws {
        let manifest = try manifest(
            "components: {own: {target: Heartbeat, devices: {d: virtio_mmio@a000000}}}\nboard: {disks: {d: {}}}")
        #expect(manifest.tenants.map(\.name) == ["own"])
        #expect(manifest.disks.board.count == 1 && !manifest.disks.isUsed)
    }

    @Test func aBackendHasTheLevelOfItsMachine() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).yaml")
        let text = """
            machines: {m: {memory: 64MiB, criticality: A, disks: {a: {size: 1MiB}}}}
            components: {c: {target: Heartbeat, criticality: A, core: 1}}
            board: {cores: 2}
            """
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let manifest = try Manifest.load(path: file.path, askingForCriticality: false)
        #expect(manifest.criticality(of: "m.disks") == .a && manifest.criticality(of: "storage") == .qm)
        let error = #expect(throws: Failure.self) { try Manifest.load(path: file.path) }?.description ?? ""
        #expect(error.contains("'m.disks' (A) can be changed by 'storage' (QM)"))
        #expect(error.contains("from: storage, effect: change, through: memory, because: \"…\"}]' for 'm'"))
    }
}

/// The headers of images.
@Suite struct DiskImageHeaderTests {
    private func header(_ bytes: [UInt8], fileSize: UInt64 = 512) -> DiskImageHeader {
        DiskImageHeader(start: Data(bytes + [UInt8](repeating: 0, count: 512 - bytes.count)), fileSize: fileSize)
    }

    @Test func formatsAreToldApart() {
        let qcow2: [UInt8] = [0x51, 0x46, 0x49, 0xFB, 0, 0, 0, 3] + [UInt8](repeating: 0, count: 16)
        #expect(header(qcow2 + [0, 0, 0, 1, 0, 0, 0, 1]) == DiskImageHeader(.qcow2, size: (1 << 32) + 512))
        let vmdk = Array("KDMV".utf8) + [UInt8](repeating: 0, count: 8)
        #expect(header(vmdk + [0, 8]) == DiskImageHeader(.vmdk, size: 1 << 20))
        #expect(header(vmdk + [UInt8](repeating: 255, count: 8)) == DiskImageHeader(.vmdk, size: nil))
        #expect(header(Array("# Disk DescriptorFile\n".utf8)) == DiskImageHeader(.vmdk, size: nil))
        #expect(header([], fileSize: 1000) == DiskImageHeader(.raw, size: 1024))
        #expect(header([0x51, 0x46, 0x49], fileSize: 512) == DiskImageHeader(.raw, size: 512))
        // A file that is too short for its header is no image of that format.
        #expect(
            DiskImageHeader(start: Data([0x51, 0x46, 0x49, 0xFB]), fileSize: 4) == DiskImageHeader(.raw, size: 512))
        #expect(header(qcow2 + [UInt8](repeating: 255, count: 8)).size != nil)
    }
}

extension DiskImageHeader {
    fileprivate init(_ format: Format, size: UInt64?) {
        self.init(start: Data(), fileSize: 0)
        (self.format, self.size) = (format, size)
    }
}
