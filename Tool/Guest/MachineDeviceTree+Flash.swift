import ABI

// The flash of a machine that starts from firmware. The tree of QEMU's board has both banks in one node. A machine's
// first bank cannot be written, and answers no query, so that only the second one is a flash for a driver. QEMU's
// board describes its flash in the same way if its first bank belongs to secure firmware.
extension MachineDeviceTree {
    var flashSource: String {
        guard hasFlash else { return "" }
        let bank = MachineFlash.variables
        return """

                flash@\(MachineDeviceTree.hex(bank, prefix: "")) {
                    compatible = "cfi-flash";
                    reg = <\(MachineDeviceTree.cells(bank)) \(MachineDeviceTree.cells(MachineFlash.bankSize))>;
                    bank-width = <4>;
                };

            """
    }
}
