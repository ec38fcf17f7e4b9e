import ABI
import Foundation

// The flash of a machine that starts from firmware. The machine reads and executes the firmware in the image, without
// its monitor. The memory for the firmware's variables outlives the machine; the monitor maps it for the machine.
extension PlanBuilder {
    mutating func addFlash(of machine: MachineImage, _ index: Int) {
        let parts = plan.tenants[index].parts
        guard let firmware = machine.firmware, let space = parts.machineSpace else { return }
        let image = contents.place(firmware)
        let size = UInt64(firmware.count).aligned(to: 4096)
        add(
            .map(
                root.image, space: space, address: MachineFlash.code, offset: image, size: size, [.read, .execute]),
            .machine, of: index)
        // The monitor finds the instruction there if an access to a device cannot be described otherwise.
        let own = address(of: index, size: size)
        add(
            .map(root.image, space: parts.space, address: own, offset: image, size: size, .read), .machine, of: index)
        add(NamedResource(name: "firmware", kind: .lastingMemory, address: own, size: size), of: index)
        addVariables(index, in: space)
    }

    /// Adds the second bank. One entry of a page table maps its memory, so that the monitor can do so at once.
    private mutating func addVariables(_ index: Int, in space: Plan.NodeID) {
        let parts = plan.tenants[index].parts
        let size = MachineFlash.storeSize
        let extent = lastingMemory("flash", of: index, size: size, alignment: size)
        let own = address(of: index, size: size, residue: 0)
        add(
            .map(extent, space: parts.space, address: own, offset: 0, size: size, .readWrite), .machine, of: index)
        let slot = slot(of: index, count: 2)
        add(.capability(extent, table: parts.table, slot: slot, .read), .machine, of: index)
        add(NamedResource(name: "flash", kind: .lastingMemory, slot: slot, address: own, size: size), of: index)
        reservations[space, default: []]
            .append(MappedRange(address: MachineFlash.variables, size: size, residue: 0))
    }
}
