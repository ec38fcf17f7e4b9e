import ABI

// The devices by which root learns that a guest has panicked or hangs. QEMU's `virt` has neither.
extension MachineDeviceTree {
    var failureDevices: String { panicDevice + (hasWatchdog ? watchdog : "") }

    private var panicDevice: String {
        let registers =
            "\(MachineDeviceTree.cells(MachinePanic.register)) \(MachineDeviceTree.cells(MachinePanic.size))"
        return """

                pvpanic-mmio@\(MachineDeviceTree.hex(MachinePanic.register, prefix: "")) {
                    compatible = "qemu,pvpanic-mmio";
                    reg = <\(registers)>;
                };

            """
    }

    /// The node of the watchdog. Its first range is the control frame, and its second one the refresh frame. Shared
    /// interrupts are numbered from 32 on; 4 means a high level.
    private var watchdog: String {
        let frames = [MachineWatchdog.control, MachineWatchdog.control + MachineWatchdog.frameSize]
            .map { "<\(MachineDeviceTree.cells($0)) \(MachineDeviceTree.cells(MachineWatchdog.frameSize))>" }
        return """

                watchdog@\(MachineDeviceTree.hex(MachineWatchdog.control, prefix: "")) {
                    compatible = "arm,sbsa-gwdt";
                    reg = \(frames.joined(separator: ", "));
                    interrupts = <0 \(MachineWatchdog.interrupt - 32) 4>;
                    timeout-sec = <30>;
                };

            """
    }
}
