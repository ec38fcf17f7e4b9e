import Foundation

extension Tenant {
    /// Makes the console driver, which no manifest names.
    public init(_ consoleDriverRestart: RestartDescription, program: Program) {
        self.init(
            kind: .consoleDriver, name: ConsoleDriver.name, program: program, priority: ConsoleDriver.priority,
            core: ConsoleDriver.core, allowance: ConsoleDriver.allowance, restart: consoleDriverRestart)
        // The console driver uses up its budget whenever tenants print much, and a report of that would print even
        // more.
        reportsOverruns = false
    }

    public init(_ machine: MachineDescription, program: Program, image: MachineImage) {
        self.init(
            kind: .machine, name: machine.name, program: program, priority: machine.priority, core: machine.core,
            machine: image, restart: machine.restart)
    }

    /// Makes a component.
    ///
    /// - Throws: an error of Foundation if the component's paged file cannot be read.
    public init(_ component: ComponentDescription, program: Program, devices: [DeviceDescription]) throws {
        self.init(
            kind: .component, name: component.name, program: program, priority: component.priority,
            core: component.core,
            heapSize: component.memory, arguments: component.arguments, allowance: component.allowance,
            restart: component.restart)
        self.program.stackSize = component.stack
        // Storage and driver use up their budgets whenever their clients ask for much.
        reportsOverruns = !component.isAdded
        connections = component.uses
        if let file = component.paged { paged = (pager: file.pager, file: try Data(contentsOf: file.file)) }
        (sharedSize, self.devices, dma) = (component.shared, devices, component.dma)
    }
}
