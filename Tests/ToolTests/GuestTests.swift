import Foundation
import Testing

@testable import SystemImage
@testable import Tool
@testable import Workshop

@Suite struct CpioArchiveTests {
    /// The archive as the host's own cpio reads it.
    @Test func holdsWhatWasAdded() throws {
        var archive = CpioArchive()
        archive.add(directory: "dev")
        archive.add(characterDevice: "dev/console", major: 5, minor: 1, permissions: 0o600)
        archive.add(file: "hello", contents: Data("hi\n".utf8), permissions: 0o755)
        archive.add(link: "link", to: "hello")
        let data = archive.finished()
        #expect(data.count % 512 == 0)
        let entries = try CpioReader.entries(of: data)
        #expect(entries.map(\.name) == ["dev", "dev/console", "hello", "link", "TRAILER!!!"])
        #expect(entries.map(\.mode) == [0o040755, 0o020600, 0o100755, 0o120777, 0])
        #expect(entries.map { String(decoding: $0.contents, as: UTF8.self) } == ["", "", "hi\n", "hello", ""])
        #expect(entries[1].device == [5, 1])
        #expect(Set(entries.map(\.inode)).count == entries.count)
    }
}

/// An independent reader of the format, written from its description.
private enum CpioReader {
    struct Entry { var inode, mode: UInt32, device: [UInt32], name: String, contents: Data }
    struct Damaged: Error {}

    static func entries(of archive: Data) throws -> [Entry] {
        var entries: [Entry] = []
        var offset = 0
        while entries.last?.name != "TRAILER!!!" {
            let header = archive[offset..<offset + 110]
            guard header.prefix(6) == Data("070701".utf8) else { throw Damaged() }
            let fields = try (0..<13).map { field -> UInt32 in
                let start = offset + 6 + 8 * field
                guard let value = UInt32(String(decoding: archive[start..<start + 8], as: UTF8.self), radix: 16) else {
                    throw Damaged()
                }
                return value
            }
            let nameEnd = offset + 110 + Int(fields[11])
            let name = String(decoding: archive[(offset + 110)..<(nameEnd - 1)], as: UTF8.self)
            let start = (nameEnd + 3) / 4 * 4
            let end = start + Int(fields[6])
            entries.append(
                Entry(
                    inode: fields[0], mode: fields[1], device: [fields[9], fields[10]], name: name,
                    contents: archive[start..<end]))
            offset = (end + 3) / 4 * 4
        }
        return entries
    }
}

@Suite struct InitramfsTests {
    private static let table = "\0[\0[[\0ash\0init\0mount\0sh\0\0rest\0"
    private static let folder = URL(fileURLWithPath: "/elsewhere/debian/cloud")

    @Test func commandsComeFromBusyboxItself() throws {
        #expect(
            try Initramfs.commands(of: Data("code\u{1}\u{2}\(Self.table)".utf8), in: Self.folder) == [
                "[", "[[", "ash", "init", "mount", "sh",
            ])
    }

    @Test func aFileThatIsNoBusyboxIsRefused() {
        let failure = #expect(throws: Failure.self) {
            try Initramfs.commands(of: Data("no table".utf8), in: Self.folder)
        }
        #expect(failure?.remedy == "delete the folder /elsewhere/debian/cloud, so that it is fetched again")
        #expect(throws: Failure.self) {
            try Initramfs.commands(of: Data("\0[\0[[\0ash\0zebra\0".utf8), in: Self.folder)
        }
    }

    @Test func commandsAreLinksToBusybox() throws {
        let entries = try CpioReader.entries(
            of: Initramfs(busybox: Data(Self.table.utf8), folder: Self.folder).archive())
        let shell = try #require(entries.first { $0.name == "bin/sh" })
        #expect(shell.mode == 0o120777)
        #expect(shell.contents == Data("busybox".utf8))
        #expect(entries.contains { $0.name == "init" })
    }
}

@Suite struct WatchdogDriversTests {
    /// The archive replaces init's table, and holds the drivers that Debian has as modules.
    @Test(arguments: [["watchdog.ko", "sbsa_gwdt.ko"], ["sbsa_gwdt.ko"]]) func loadsWhatIsThere(modules: [String])
        throws
    {
        let archive = WatchdogDrivers.archive(of: modules.map { ($0, Data($0.utf8)) })
        // Without the trailer.
        let entries = try CpioReader.entries(of: archive).dropLast()
        #expect(entries.map(\.name) == ["lib"] + modules.map { "lib/\($0)" } + ["etc/watchdog", "etc/inittab"])
        let table = try #require(entries.last).contents
        #expect(String(decoding: table, as: UTF8.self) == Initramfs.inittab + "::once:/etc/watchdog\n")
        let script = String(decoding: entries[entries.count - 2].contents, as: UTF8.self)
        #expect(
            script.contains("for module in watchdog.ko sbsa_gwdt.ko; do") && entries[entries.count - 2].mode == 0o100755
        )
    }
}

@Suite struct MachineDeviceTreeTests {
    private func tree(_ change: (inout MachineDeviceTree) -> Void = { _ in }) -> MachineDeviceTree {
        var tree = MachineDeviceTree(memory: 0x4000_0000...0x4FFF_FFFF, cpus: 2, commandLine: "console=ttyAMA0")
        change(&tree)
        return tree
    }

    @Test func namesEveryProcessor() {
        let source = tree().source
        #expect(source.contains("cpu@0 {") && source.contains("cpu@1 {") && !source.contains("cpu@2 {"))
    }

    @Test func hasNoInitrdPropertiesWithoutOne() {
        #expect(!tree().source.contains("initrd"))
        let source = tree { $0.initrd = 0x4800_0000..<0x4810_0000 }.source
        #expect(source.contains("linux,initrd-start = <0x0 0x48000000>;"))
        #expect(source.contains("linux,initrd-end = <0x0 0x48100000>;"))
    }

    @Test func namesSharedMemory() throws {
        #expect(!tree().source.contains("reserved-memory"))
        let folder = TemporaryFolder()
        let file = folder.url.appendingPathComponent("machine.dtb")
        let shared = tree { $0.sharedMemory = [SharedMemoryEnd(name: "frames", number: 2, size: 1 << 20)] }
        try shared.compiled(workspace: Workspace(root: folder.url)).write(to: file)
        func property(_ node: String, _ name: String, _ form: String = "x") throws -> String {
            try Subprocess("fdtget", ["-t", form, file.path, node, name]).text()
        }
        #expect(try property("/reserved-memory/frames@22000000", "reg") == "0 22000000 0 100000")
        #expect(try property("/frames@b012000", "reg") == "0 b012000 0 1000 0 22000000 0 100000")
        #expect(try property("/frames@b012000", "interrupts") == "0 32 1")
        #expect(try property("/frames@b012000", "compatible", "s") == "entente,shared-memory generic-uio")
        #expect(
            try property("/frames@b012000", "memory-region") == property("/reserved-memory/frames@22000000", "phandle"))
    }

    @Test func namesVirtioDevices() throws {
        #expect(!tree().source.contains("virtio"))
        let folder = TemporaryFolder()
        let file = folder.url.appendingPathComponent("machine.dtb")
        try tree { $0.diskCount = 2 }.compiled(workspace: Workspace(root: folder.url)).write(to: file)
        func property(_ node: String, _ name: String, _ form: String = "x") throws -> String {
            try Subprocess("fdtget", ["-t", form, file.path, node, name]).text()
        }
        #expect(try property("/virtio_mmio@a000000", "compatible", "s") == "virtio,mmio")
        #expect(try property("/virtio_mmio@a000000", "interrupts") == "0 10 1")
        #expect(try property("/virtio_mmio@a000200", "reg") == "0 a000200 0 200")
        #expect(try property("/virtio_mmio@a000200", "interrupts") == "0 11 1")
        #expect(try property("/virtio_mmio@a000200", "dma-coherent") == "")
        #expect(!tree { $0.diskCount = 2 }.source.contains("virtio_mmio@a000400"))
    }

    @Test func namesTheDevicesOfFailures() throws {
        #expect(!tree().source.contains("watchdog"))
        let folder = TemporaryFolder()
        let file = folder.url.appendingPathComponent("machine.dtb")
        try tree { $0.hasWatchdog = true }.compiled(workspace: Workspace(root: folder.url)).write(to: file)
        func property(_ node: String, _ name: String, _ form: String = "x") throws -> String {
            try Subprocess("fdtget", ["-t", form, file.path, node, name]).text()
        }
        #expect(try property("/pvpanic-mmio@b100000", "compatible", "s") == "qemu,pvpanic-mmio")
        #expect(try property("/pvpanic-mmio@b100000", "reg") == "0 b100000 0 2")
        #expect(try property("/watchdog@b110000", "compatible", "s") == "arm,sbsa-gwdt")
        #expect(try property("/watchdog@b110000", "reg") == "0 b110000 0 1000 0 b111000 0 1000")
        #expect(try property("/watchdog@b110000", "interrupts") == "0 c 4")
    }

    /// Firmware finds its variables' bank. The system on the disk, and not the tree, has a command line.
    @Test func namesTheFlashOfFirmware() throws {
        #expect(!tree().source.contains("flash"))
        let folder = TemporaryFolder()
        let file = folder.url.appendingPathComponent("machine.dtb")
        var machine = MachineDescription(name: "one")
        machine.guest = .firmware(.edk2)
        let tree = machine.deviceTree(initrd: nil, seed: .fixed)
        #expect(!tree.source.contains("bootargs") && tree.source.contains("stdout-path"))
        try tree.compiled(workspace: Workspace(root: folder.url)).write(to: file)
        func property(_ name: String, _ form: String = "x") throws -> String {
            try Subprocess("fdtget", ["-t", form, file.path, "/flash@4000000", name]).text()
        }
        #expect(try property("compatible", "s") == "cfi-flash")
        #expect(try property("reg") == "0 4000000 0 4000000" && property("bank-width") == "4")
        machine.guest = .debian(flavour: .cloud)
        #expect(machine.deviceTree(initrd: nil, seed: .fixed).source.contains("bootargs = \"console=ttyAMA0\";"))
    }

    @Test func quotesTheCommandLine() {
        #expect(MachineDeviceTree.quoted("a \"b\" \\ \n") == "\"a \\\"b\\\" \\\\ \\x0a\"")
    }

    /// The monitor renews exactly the bytes of the properties, wherever an overlay has put them.
    @Test(arguments: ["", "&{/chosen} { kaslr-seed = <1 2>; }; / { rng-seed = <3 4>; chosen2 { rng-seed = <5>; }; };"])
    func theSeedsAreFoundInTheTree(overlay: String) throws {
        let folder = TemporaryFolder()
        var machine = MachineDescription(name: "one")
        machine.memory = 64 << 20
        if !overlay.isEmpty {
            let file = folder.url.appendingPathComponent("overlay.dts")
            try Data(overlay.utf8).write(to: file)
            machine.deviceTree = file
        }
        let tree = try machine.deviceTree(initrd: nil, seed: .fixed).compiled(workspace: Workspace(root: folder.url))
        let ranges = DeviceTreeSeeds.ranges(in: tree)
        let seed = Data(
            (1...8).flatMap { word in
                (0..<4).map { UInt8(truncatingIfNeeded: (0x9E37_79B9 &* UInt32(word)) >> (24 - 8 * $0)) }
            })
        let expected = overlay.isEmpty ? [seed] : [seed, Data([0, 0, 0, 1, 0, 0, 0, 2])]
        #expect(ranges.map { tree[$0] } == expected)
        let image = try MachineImage(machine, firmware: Data([1]), deviceTree: tree)
        #expect(image.randomBytes.map(\.base) == ranges.map { 0x4000_0000 + UInt64($0.lowerBound) })
        #expect(image.randomBytes.map(\.size) == expected.map { UInt64($0.count) })
        let fixed = try MachineImage(machine, firmware: Data([1]), deviceTree: tree, renewsSeeds: false)
        #expect(fixed.randomBytes.isEmpty)
        // A tree that is cut off anywhere has no bytes behind its end.
        for size in 0..<tree.count {
            let ranges = DeviceTreeSeeds.ranges(in: tree.prefix(size))
            if !ranges.allSatisfy({ $0.upperBound <= size }) { Issue.record("\(size): \(ranges)") }
        }
    }

    @Test func aFixedSeedIsTheSameEachTime() {
        #expect(tree { $0.seed = .fixed }.source == tree { $0.seed = .fixed }.source)
        #expect(tree().source != tree().source)
    }
}

@Suite struct PrivateAptTests {
    @Test func keepsOnlyTheReleasesOfDebian() {
        let targets = """
            http://mirror/debian/|bookworm|main
            http://mirror/debian/|bookworm-updates|main
            http://mirror/debian-security/|bookworm-security|main
            http://mirror/debian/|bookworm|main
            http://mirror/debian/|bookworm|non-free
            http://other/apt/|nodistro|main
            http://other/apt/|bookworm-pgdg|main
            """
        #expect(
            PrivateApt.sourceLines(targets: targets, release: "bookworm", options: ["arch=arm64"]) == [
                "deb [arch=arm64] http://mirror/debian/ bookworm main",
                "deb [arch=arm64] http://mirror/debian/ bookworm-updates main",
                "deb [arch=arm64] http://mirror/debian-security/ bookworm-security main",
            ])
    }

    @Test func findsTheVersionedKernel() {
        let record =
            "Package: linux-image-arm64\nDepends: linux-image-6.1.0-9-arm64 (= 6.1.1-1), other\nDescription: x\n"
        #expect(PrivateApt.dependency(inRecord: record, startingWith: "linux-image-") == "linux-image-6.1.0-9-arm64")
        #expect(PrivateApt.dependency(inRecord: "Package: x\n", startingWith: "linux-image-") == nil)
    }

    @Test func readsTheReleaseName() throws {
        #expect(try PrivateApt.releaseName(inFile: "NAME=x\nVERSION_CODENAME=bookworm\n") == "bookworm")
        #expect(throws: Failure.self) { try PrivateApt.releaseName(inFile: "NAME=x\n") }
    }
}

@Suite struct FullDiskTests {
    /// The user's file is correct, and the remedy does not mention it.
    @Test func aFolderThatCannotBeWrittenIsNotTheKernelsFault() {
        let kernel = Data([0x1F, 0x8B, 8, 0]) + Data(repeating: 0, count: 64)
        let error = #expect(throws: Failure.self) {
            try GuestImage(
                kernel: kernel, ramBase: 0x4000_0000, ramSize: 64 << 20,
                decompress: { try Subprocess.decompressed($0, in: URL(fileURLWithPath: "/dev/null")) })
        }
        #expect(error?.problem.hasPrefix("/dev/null/compressed-") == true)
        #expect(error?.remedy == "correct the path")
    }
}
