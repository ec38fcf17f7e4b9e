import Foundation
import SystemImage

/// Configures the packages of an unpacked Debian by its own programs, in a QEMU without Entente.
struct DebianSetup {
    let tree: DebianTree
    /// The number of packages.
    let packages: Int
    /// The file that keeps the output.
    let log: URL

    func run() throws {
        try Progress.step("    configuring \(packages) packages on an emulated board") {
            let text = try output()
            guard text.contains(DebianSystemFiles.success) else {
                throw Failure(
                    "the packages of Debian could not be configured",
                    remedy: "look at the end of \(log.shortPath), which names the package")
            }
        }
    }

    private func output() throws -> String {
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        let file = try FileHandle(forWritingTo: log)
        defer { try? file.close() }
        let emulator = try EmulatorProcess(arguments: arguments)
        defer { emulator.end() }
        var text: [UInt8] = []
        var count = 0
        while let bytes = emulator.read() {
            try file.write(contentsOf: Data(bytes))
            text += bytes
            while let end = text.firstIndex(of: 0x0A) {
                let isPackage = text[..<end].starts(with: "Setting up ".utf8)
                text.removeSubrange(...end)
                guard isPackage else { continue }
                count += 1
                if count % 25 == 0 { Progress.say("        \(count) of \(packages)") }
            }
        }
        _ = emulator.waitForEnd()
        return String(decoding: try Data(contentsOf: log), as: UTF8.self)
    }

    private var arguments: [String] {
        var emulator = Emulator()
        emulator.hasVirtualization = false
        emulator.cores = 2
        let disk = Emulator.disk(tree.image, named: DebianSystem.diskName, slot: 0).map {
            // A power cut only costs a repetition.
            $0.replacing("cache=writeback", with: "cache=unsafe")
        }
        return emulator.arguments(
            boot: [
                "-no-reboot", "-nic", "none", "-kernel", tree.kernel.path, "-initrd", tree.initrd.path, "-append",
                "console=ttyAMA0 quiet \(DebianDiskStart.setupWord)",
            ] + Emulator.modernVirtio + disk)
    }
}
