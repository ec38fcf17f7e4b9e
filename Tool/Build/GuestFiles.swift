import Foundation
import SystemImage

/// The files from which a machine starts.
package struct GuestFiles {
    package var kernel: URL
    package var initrd: URL?
    package var format: GuestFormat
    /// True if `kernel` is firmware.
    package var isFirmware = false

    /// Finds the files, and fetches or builds those that the project provides.
    package init(of machine: MachineDescription, workspace: Workspace) throws {
        switch machine.guest {
        case .debian(let flavour):
            let guest = DebianGuest(workspace: workspace, flavour: flavour)
            try guest.prepare()
            (kernel, format) = (guest.kernel, .auto)
            initrd = try guest.initrd(withWatchdog: machine.hasWatchdog, disks: !machine.disks.isEmpty)
        case .debianDisk(_, .some(let source)), .firmware(let source):
            kernel = try MachineFirmware(source: source, workspace: workspace).prepared()
            (initrd, format, isFirmware) = (nil, .flat, true)
        case .debianDisk(let system, nil):
            let disk = DebianDisk(workspace: workspace, system: system)
            try disk.prepare()
            (kernel, initrd, format) = (disk.kernel, disk.initrd, .auto)
        case .files(let kernel, let initrd, let format):
            (self.kernel, self.initrd, self.format) = (kernel, initrd, format)
        case .target(let name):
            kernel = try CrossBuild(workspace: workspace).program(name, as: .guest)
            (initrd, format) = (nil, .auto)
        }
    }
}

extension MachineDescription {
    /// Returns the machine with everything that lies in its RAM when it starts.
    /// - Parameters:
    ///   - seed: the random bytes of the device tree in the image.
    ///   - renewsSeeds: true if the machine gets other ones at each start.
    func image(
        workspace: Workspace, seed: MachineDeviceTree.Seed, renewsSeeds: Bool, terminal: TerminalSize? = nil
    ) throws -> MachineImage {
        let files = try GuestFiles(of: self, workspace: workspace)
        if files.isFirmware {
            let firmware = FirmwareImage.trimmed(try Data(contentsOf: files.kernel))
            let tree = try deviceTree(initrd: nil, seed: seed, terminal: terminal).compiled(workspace: workspace)
            return try MachineImage(self, firmware: firmware, deviceTree: tree, renewsSeeds: renewsSeeds)
        }
        let initrd = try files.initrd.map { try Data(contentsOf: $0) }
        let kernel = try GuestImage(
            kernel: Data(contentsOf: files.kernel), format: files.format, ramBase: MachineImage.ramBase,
            ramSize: memory,
            decompress: { try Subprocess.decompressed($0, in: workspace.state) })
        let layout = try GuestLayout(
            image: kernel, initrdSize: initrd?.count, ramBase: MachineImage.ramBase, ramSize: memory)
        let tree = try deviceTree(initrd: layout.initrdRange, seed: seed, terminal: terminal).compiled(
            workspace: workspace)
        return try MachineImage(
            self, layout: layout, initrd: initrd, deviceTree: tree, renewsSeeds: renewsSeeds)
    }

    func deviceTree(
        initrd: Range<UInt64>?, seed: MachineDeviceTree.Seed, terminal: TerminalSize? = nil
    ) -> MachineDeviceTree {
        return MachineDeviceTree(
            memory: MachineImage.ramBase...(MachineImage.ramBase + memory - 1), cpus: cpus,
            commandLine: guest.isFirmware ? nil : commandLine,
            initrd: initrd, seed: seed, sharedMemory: sharedMemory, overlay: deviceTree, name: name,
            terminal: terminal, hasWatchdog: hasWatchdog, hasFlash: guest.isFirmware, diskCount: disks.count)
    }
}

extension GuestLayout {
    var initrdRange: Range<UInt64>? { initrdAddress.map { $0..<($0 + initrdSize) } }
}

extension Subprocess {
    /// Returns the data that gzip(1) decompresses from `data`.
    static func decompressed(_ data: Data, in folder: URL) throws -> Data {
        let file = folder.appendingPathComponent("compressed-\(UUID().uuidString).gz")
        defer { try? FileManager.default.removeItem(at: file) }
        do {
            try data.write(to: file)
        } catch let error as CocoaError {
            throw Failure(error, of: file)
        }
        do {
            return try Subprocess("gzip", ["-dc", file.path]).output()
        } catch let failure as Failure {
            throw Failure("the kernel cannot be decompressed: \(failure.problem)", remedy: "copy the file again")
        }
    }
}
