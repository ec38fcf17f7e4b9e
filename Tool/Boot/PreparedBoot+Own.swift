import Foundation
import SystemImage

extension PreparedBoot {
    /// Prepares the bare board with another system, such as Xen, that starts at EL2. The board has QEMU's own devices
    /// and device tree, and one console.
    ///
    /// - Parameters:
    ///   - name: the name of the run and of its console.
    ///   - boot: the arguments by which QEMU loads the system.
    ///   - memory: the RAM in bytes.
    package init(
        ownSystem name: String, boot: [String], cpu: String, cores: Int, memory: UInt64, workspace: Workspace,
        options: BootOptions
    ) throws {
        var emulator = Emulator()
        (emulator.cpu, emulator.cores, emulator.memory) = (cpu, cores, memory)
        emulator.countsInstructions = options.countsInstructions
        emulator.extraArguments = options.extraArguments
        self.init(
            files: try RunFiles(name, workspace: workspace), arguments: emulator.arguments(boot: boot),
            channels: [Channel(name: name, kind: .machine, number: 0, program: nil)])
    }

    private init(files: RunFiles, arguments: [String], channels: [Channel]) {
        (self.files, self.arguments, self.channels) = (files, arguments, channels)
        (disks, framing) = (nil, .single(0))
    }
}
