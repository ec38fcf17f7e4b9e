import Foundation

/// The board on QEMU.
struct Emulator {
    /// The board is QEMU's `virt`, with EL2, or without it for a machine that runs on the bare board.
    var cpu = "cortex-a57"
    var cores = 1
    var memory: UInt64 = 1 << 30
    var hasVirtualization = true
    /// True if time is deterministic, one nanosecond for each instruction.
    var countsInstructions = false
    var waitsForDebugger = false
    var extraArguments: [String] = []

    static let program = "qemu-system-aarch64"

    /// The arguments that define the board's hardware.
    private var board: [String] {
        ["-cpu", cpu, "-smp", "\(cores)", "-m", "\(memory >> 20)M", "-display", "none", "-nodefaults"]
    }

    private var machine: String { hasVirtualization ? "virt,virtualization=on,gic-version=3" : "virt,gic-version=3" }

    /// Returns the arguments by which QEMU runs the files of `boot`, with its serial port on standard input and output.
    func arguments(boot: [String]) -> [String] {
        var arguments = ["-M", machine] + board
        arguments += ["-monitor", "none", "-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial"]
        arguments += boot
        // The board's random seed would also make runs differ.
        if countsInstructions { arguments += ["-icount", "shift=0,sleep=off", "-seed", "1"] }
        if waitsForDebugger { arguments += ["-s", "-S"] }
        return arguments + extraArguments
    }

    /// Writes the device tree that QEMU makes for this board.
    func dumpDeviceTree(to file: URL) throws {
        _ = try Subprocess(Emulator.program, ["-M", "\(machine),dumpdtb=\(file.path)"] + board).output()
    }
}
