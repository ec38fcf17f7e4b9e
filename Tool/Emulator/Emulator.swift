import Foundation

/// The board on QEMU.
struct Emulator {
    /// QEMU's `virt` with EL2, or without it for a machine that runs on the bare board.
    var cpu = "cortex-a57"
    var cores = 1
    var memory: UInt64 = 1 << 30
    var hasVirtualization = true
    /// Deterministic time: one nanosecond for each instruction.
    var countsInstructions = false
    var waitsForDebugger = false
    var extraArguments: [String] = []

    static let program = "qemu-system-aarch64"

    /// The arguments that decide the board's hardware.
    private var boardArguments: [String] {
        ["-cpu", cpu, "-smp", "\(cores)", "-m", "\(memory >> 20)M", "-display", "none", "-nodefaults"]
    }

    private var boardType: String { hasVirtualization ? "virt,virtualization=on,gic-version=3" : "virt,gic-version=3" }

    /// The arguments with which QEMU runs what `boot` names, its serial port on standard input and output.
    func arguments(boot: [String]) -> [String] {
        var arguments = ["-M", boardType] + boardArguments
        arguments += ["-monitor", "none", "-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial"]
        arguments += boot
        // The board's random seed would make runs differ, too.
        if countsInstructions { arguments += ["-icount", "shift=0,sleep=off", "-seed", "1"] }
        if waitsForDebugger { arguments += ["-s", "-S"] }
        return arguments + extraArguments
    }

    /// Writes the device tree that QEMU makes for this board.
    func dumpDeviceTree(to file: URL) throws {
        _ = try Subprocess(Emulator.program, ["-M", "\(boardType),dumpdtb=\(file.path)"] + boardArguments).output()
    }
}
