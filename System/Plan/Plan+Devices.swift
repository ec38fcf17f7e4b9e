import ABI

// The devices of the board: registers, an interrupt, and memory that the device may access.
extension PlanBuilder {
    /// Adds everything for the manifest's `devices` and `dma`.
    mutating func addDevices(_ index: Int) {
        for device in tenants[index].devices {
            addRegisters(device.name, device.registers, of: index)
            guard let interrupt = device.interrupt else { continue }
            let bits = UInt64(1) << (TenantUsage.firstInterruptBit + UInt64(usage[index].interrupts))
            addInterrupt(device.name, interrupt, of: index, raising: bits)
            usage[index].interrupts += 1
        }
        for memory in tenants[index].dma { addDMA(memory, of: index) }
    }

    /// Checks that no page of registers and no interrupt has two drivers.
    func checkDevices() throws(Failure) {
        var pages: [UInt64: String] = [:]
        for page in board.serial.pages { pages[page] = ConsoleDriver.name }
        var interrupts = [board.serialInterrupt: ConsoleDriver.name]
        for tenant in tenants {
            for device in tenant.devices {
                for page in device.registers.pages where pages[page] != tenant.name {
                    try claim(&pages, page, tenant, "registers on a page with those of '\(device.name)'")
                }
                guard let interrupt = device.interrupt else { continue }
                guard Interrupts.ofDevices.contains(interrupt) else {
                    throw Failure(
                        "'\(tenant.name)': the interrupt \(interrupt) of '\(device.name)' is none of "
                            + "\(Interrupts.ofDevices.lowerBound) to \(Interrupts.ofDevices.upperBound - 1)",
                        remedy: "name another device")
                }
                try claim(&interrupts, interrupt, tenant, "the interrupt of '\(device.name)'")
            }
        }
    }

    private func claim(
        _ owners: inout [UInt64: String], _ number: UInt64, _ tenant: Tenant, _ what: String
    ) throws(Failure) {
        guard let other = owners.updateValue(tenant.name, forKey: number) else { return }
        if other == tenant.name {
            throw Failure("'\(other)' drives \(what) twice", remedy: "name each device once")
        }
        throw Failure("'\(tenant.name)' and '\(other)' both drive \(what)", remedy: "give the devices to one of them")
    }

    mutating func addRegisters(_ name: String, _ range: MemoryRange, of index: Int) {
        // Root maps whole pages, so a driver also reaches other registers on them.
        let (inset, base) = (range.base & 4095, range.base & ~4095)
        let size = (inset + range.size).aligned(to: 4096)
        let address = address(of: index, size: size)
        add(
            .map(
                root.devices, space: plan.tenants[index].parts.space, address: address,
                offset: base - board.devices.base,
                size: size, .readWrite), .device, of: index)
        add(NamedResource(name: name, kind: .registers, address: address + inset, size: range.size), of: index)
    }

    /// Adds an interrupt. Its object outlives the driver, because an interrupt exists only once.
    mutating func addInterrupt(_ name: String, _ number: UInt64, of index: Int, raising bits: UInt64) {
        let parts = plan.tenants[index].parts
        let interrupt = add(.interrupt, "interrupt-\(name)", of: index, number, lasts: true)
        let slot = slot(of: index)
        // Without `manage` the driver cannot make another tenant the interrupt's driver.
        add(.capability(interrupt, table: parts.table, slot: slot, .write), .device, of: index)
        add(.interrupt(interrupt, parts.notification, bits: bits), .device, of: index)
        add(NamedResource(name: name, kind: .interrupt, slot: slot, number: bits), of: index)
    }

    /// Adds memory for devices. It outlives the driver, because the device may still write to it after the driver's
    /// death.
    private mutating func addDMA(_ memory: DMAMemoryDescription, of index: Int) {
        let extent = lastingMemory("dma-\(memory.name)", of: index, size: memory.size)
        let address = address(of: index, size: memory.size)
        add(
            .map(
                extent, space: plan.tenants[index].parts.space, address: address, offset: 0, size: memory.size,
                .readWrite),
            .dma, of: index)
        usage[index].dma.append((extent, plan.tenants[index].resources.count))
        add(NamedResource(name: memory.name, kind: .dmaMemory, address: address, size: memory.size), of: index)
    }
}
