import ABI

// Each tenant has a console: two queues that the client shares with the console driver. Their memory outlives both.
// The capabilities by which they wake each other belong to the lives of both.
extension PlanBuilder {
    /// The index of the driver, which is the first tenant.
    private var driver: Int { 0 }

    mutating func addConsole(_ index: Int) {
        let size = 2 * ConsoleQueue.size
        let parts = plan.tenants[index].parts
        add(
            .map(
                parts.console, space: parts.space, address: ComponentLayout.console, offset: 0, size: size, .readWrite),
            .console, of: index)
        if index == driver {
            addPort()
            addClient("root", channel: UInt64(ConsoleChannel.root), root.console, .system, root.notification)
            add(
                .capability(
                    parts.notification, table: root.table, slot: InitialSlot.consoleOutput, .write,
                    badge: ConsoleEvent.output), .console, of: .system, with: .tenant(driver))
        }
        addClient(
            tenants[index].name, channel: UInt64(index) + 2, parts.console, .tenant(index), parts.notification)
        add(
            .capability(
                plan.tenants[driver].parts.notification, table: parts.table, slot: InitialSlot.consoleOutput, .write,
                badge: ConsoleEvent.output), .console, of: index, with: driver)
    }

    /// Adds the driver's part of a console.
    private mutating func addClient(
        _ name: String, channel: UInt64, _ console: Plan.NodeID, _ client: Plan.Owner, _ notification: Plan.NodeID
    ) {
        let parts = plan.tenants[driver].parts
        let size = 2 * ConsoleQueue.size
        let address = address(of: driver, size: size)
        let slot = slot(of: driver)
        add(
            .map(console, space: parts.space, address: address, offset: 0, size: size, .readWrite), .console, of: driver
        )
        add(
            .capability(
                notification, table: parts.table, slot: slot, .write,
                badge: client == .system ? SupervisorSignal.input : ConsoleEvent.input), .console, of: .tenant(driver),
            with: client == .system ? nil : client)
        add(
            NamedResource(
                name: name, kind: .consoleClient, slot: slot, address: address, size: size, number: channel), of: driver
        )
    }

    /// Adds the board's serial port, and the driver's clock: a notification that only the driver's timer raises.
    private mutating func addPort() {
        addRegisters("serial", board.serial, of: driver)
        addInterrupt("serial", board.serialInterrupt, of: driver, raising: ConsoleEvent.interrupt)
        let clock = add(.notification, "clock", of: driver)
        let slot = slot(of: driver)
        add(.capability(clock, table: plan.tenants[driver].parts.table, slot: slot, .all), .console, of: driver)
        add(NamedResource(name: "clock", kind: .notification, slot: slot), of: driver)
    }
}

/// The bits of the notifications of a console's ends.
enum ConsoleEvent {
    /// The bit that tells the driver of output of a client.
    static let output: UInt64 = 1
    /// The bit that tells a client of input.
    static let input: UInt64 = 1
    static let interrupt: UInt64 = 2
}
