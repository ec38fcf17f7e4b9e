import ABI
import SystemImage

// A machine finds its shared memory by two nodes. One lies below `reserved-memory`, so that Linux does not use the
// memory. The other is a device for a driver, whose first register page is the doorbell and whose second range is the
// memory.
extension MachineDeviceTree {
    var sharedMemorySource: String {
        guard !sharedMemory.isEmpty else { return "" }
        return """

                reserved-memory {
                    #address-cells = <2>;
                    #size-cells = <2>;
                    ranges;
            \(sharedMemory.map(reservation).joined())    };
            \(sharedMemory.map(device).joined())
            """
    }

    private func reservation(_ end: SharedMemoryEnd) -> String {
        let address = SharedRegions.machineAddress(end.number)
        return """

                    shared_\(end.number): \(end.name)@\(MachineDeviceTree.hex(address, prefix: "")) {
                        reg = <\(MachineDeviceTree.cells(address)) \(MachineDeviceTree.cells(end.size))>;
                        no-map;
                    };

            """
    }

    private func device(_ end: SharedMemoryEnd) -> String {
        let doorbell = SharedRegions.doorbell(end.number)
        let memory = SharedRegions.machineAddress(end.number)
        let reg = [(doorbell, SharedRegions.doorbellSize), (memory, end.size)]
            .map { "<\(MachineDeviceTree.cells($0)) \(MachineDeviceTree.cells($1))>" }.joined(separator: ", ")
        // Shared interrupts are numbered from 32 on; 1 means a rising edge.
        return """

                \(end.name)@\(MachineDeviceTree.hex(doorbell, prefix: "")) {
                    compatible = "entente,shared-memory", "generic-uio";
                    linux,uio-name = "\(end.name)";
                    reg = \(reg);
                    reg-names = "doorbell", "memory";
                    memory-region = <&shared_\(end.number)>;
                    interrupts = <0 \(SharedRegions.interrupt(end.number) - 32) 1>;
                };

            """
    }
}
