import ABI
import Entente
import Supervision

// Who has a console, and the driver that serves them all. The pages of a console outlive both its client and the driver;
// the capabilities by which they wake each other are made anew in each life of either.
extension SystemBuilder {
    /// The driver's part: it sees every client's pages, and can wake each client.
    mutating func connectConsoles() {
        mapConsole(console, client: 0)
        let driver = tenants[SystemBuilder.consoleDriver]
        derive(driver.notification, into: InitialSlot.table, InitialSlot.consoleOutput, rights: .write, badge: 1)
        derive(
            notification, into: driver.table, InitialSlot.firstConsoleInput, rights: .write,
            badge: SupervisorEvent.input)
        for index in 0..<SystemBuilder.tenantCount {
            mapConsole(tenants[index].console, client: index + 1)
            if tenants[index].isAlive { connectWakeups(of: index) }
        }
    }

    /// A client's part; nothing if the driver is dead: it will connect all clients when it comes back.
    mutating func connectConsole(of index: Int) {
        // At the start the driver has connected those that were there already.
        guard tenants[SystemBuilder.consoleDriver].isAlive, tenants[index].lives > 0 else { return }
        connectWakeups(of: index)
    }

    /// A client's pages in the driver's space.
    private mutating func mapConsole(_ pages: UInt32, client: Int) {
        mapOwn(
            SystemBuilder.consoleDriver, pages, ComponentLayout.console + UInt64(client + 1) * 2 * ConsoleRing.size,
            size: 2 * ConsoleRing.size, .readWrite)
    }

    private func connectWakeups(of index: Int) {
        let driver = tenants[SystemBuilder.consoleDriver]
        if !offer(driver.notification, to: tenants[index].table, InitialSlot.consoleOutput) { reportLostConsole(of: index) }
        offer(tenants[index].notification, to: driver.table, InitialSlot.firstConsoleInput + UInt32(index + 1))
    }

    /// The right to wake somebody. A table belongs to its tenant: one that lives may have put something else into the slot, and
    /// then goes without.
    @discardableResult
    private func offer(_ notification: UInt32, to table: UInt32, _ slot: UInt32) -> Bool {
        let answer = invoke(
            .derive, Selector(slot: notification), Words(UInt64(table), UInt64(slot), UInt64(Rights.write.rawValue), 1))
        return answer.status == .ok
    }

    private func reportLostConsole(of index: Int) {
        rootConsole.use { console in
            console.beginLine()
            console.write("console: ")
            console.write(BootTable.tenant(index).name)
            console.write(" has taken slot ")
            console.write(decimal: UInt64(InitialSlot.consoleOutput))
            console.write(" of its table, its console's; it is not heard until it restarts\n")
            console.flush()
        }
    }

    /// The driver's device registers and interrupt, and its clock.
    mutating func grantSerialPort(_ index: Int) {
        let board = BootTable.header.board
        mapOwn(
            index, InitialSlot.devices, ComponentLayout.devices, offset: board.serial.base - board.devices.base,
            size: board.serial.size, .readWrite)
        derive(tenants[index].interrupt, into: tenants[index].table, InitialSlot.firstInterrupt)
        derive(create(.notification, for: index), into: tenants[index].table, InitialSlot.clock)
    }
}
