import ABI

// The virtio devices of a machine, at the addresses of QEMU's `virt` board. Linux numbers the disks in the order of
// these nodes.
extension MachineDeviceTree {
    var virtioDevices: String { (0..<diskCount).map(virtioDevice).joined() }

    /// Returns the node of a virtio slot. The device accesses the guest's memory through caches, and signals edges,
    /// which 1 means. Shared interrupts are numbered from 32 on.
    private func virtioDevice(_ slot: Int) -> String {
        let address = VirtioPages.machineAddress(ofSlot: slot)
        let size = UInt64(VirtioPages.slotSize)
        return """

                virtio_mmio@\(MachineDeviceTree.hex(address, prefix: "")) {
                    compatible = "virtio,mmio";
                    reg = <\(MachineDeviceTree.cells(address)) \(MachineDeviceTree.cells(size))>;
                    interrupts = <0 \(VirtioPages.interrupt(ofSlot: slot) - 32) 1>;
                    dma-coherent;
                };

            """
    }
}
