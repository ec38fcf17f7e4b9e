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
    ///
    /// - Throws: `Failure` with all faults, each at the place of the later device.
    func checkDevices() throws(Failure) {
        var claims = DeviceClaims(serialPort: board)
        for tenant in tenants {
            for device in tenant.devices { claims.add(device, of: tenant.name) }
        }
        if !claims.faults.isEmpty { throw Failure(claims.faults) }
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

/// The drivers of pages and interrupts.
private struct DeviceClaims {
    private var pages: [UInt64: String] = [:]
    private var interrupts: [UInt64: String]
    private(set) var faults: [Diagnostic] = []

    init(serialPort board: Board) {
        for page in board.serial.pages { pages[page] = ConsoleDriver.name }
        interrupts = [board.serialInterrupt: ConsoleDriver.name]
    }

    mutating func add(_ device: DeviceDescription, of driver: String) {
        // Devices that share a page may have the same driver.
        let owners = device.registers.pages.compactMap { pages.updateValue(driver, forKey: $0) }
        if let other = owners.first(where: { $0 != driver }) {
            report(driver, other, "registers on a page with those of '\(device.name)'", device.place)
        }
        guard let interrupt = device.interrupt else { return }
        guard Interrupts.ofDevices.contains(interrupt) else {
            faults.append(
                Diagnostic(
                    "'\(driver)': the interrupt \(interrupt) of '\(device.name)' is none of "
                        + "\(Interrupts.ofDevices.lowerBound) to \(Interrupts.ofDevices.upperBound - 1)",
                    remedy: "name another device", at: device.place))
            return
        }
        guard let other = interrupts.updateValue(driver, forKey: interrupt) else { return }
        report(driver, other, "the interrupt of '\(device.name)'", device.place)
    }

    private mutating func report(_ driver: String, _ other: String, _ what: String, _ place: Diagnostic.Place?) {
        faults.append(
            other == driver
                ? Diagnostic("'\(other)' drives \(what) twice", remedy: "name each device once", at: place)
                : Diagnostic(
                    "'\(driver)' and '\(other)' both drive \(what)",
                    remedy: [driver, other].contains(DiskTenant.driver)
                        ? "name another device, because the tool's driver of the board's disks has that page"
                        : "give the devices to one of them",
                    at: place))
    }
}
