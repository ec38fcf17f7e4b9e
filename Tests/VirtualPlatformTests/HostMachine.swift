import ABI

@testable import VirtualPlatform

/// The units of a machine in the host's memory, with the bus and the locks of a monitor.
final class HostMachine: MachineUnits, @unchecked Sendable {
    let bus: MachineBus
    private let seats: [Seat]
    private var interrupts: InterruptController
    private var power: MachinePower
    /// Starts a virtual CPU, as the kernel does. Called under the lock of the power state.
    var starts: (Int) -> Void = { _ in }
    var patience = 0
    /// Lets a moment pass between two attempts at a lock.
    var pauses: () -> Void = {}
    /// Raises bits of the monitor's notification.
    var signals: (UInt64) -> Void = { _ in }

    /// The memory of a device, which only a holder of the device's lock uses.
    private final class Seat {
        var device: any Device
        init(_ device: any Device) { self.device = device }
    }

    init(_ devices: PlatformDevices) {
        bus = MachineBus(virtualCPUCount: devices.virtualCPUCount, options: devices.options)
        seats = devices.devices.map(Seat.init)
        interrupts = devices.interrupts
        power = MachinePower(virtualCPUCount: devices.virtualCPUCount, ticksPerMillisecond: 1000)
        power.controller.finishStarting()
        publish(power)
        bus.timeRequest.word.store(devices.timeRequest, ordering: .relaxed)
        for device in devices.devices { driveLine(of: device) }
    }

    private func driveLine<Driven: Device>(of device: Driven) { let _: Bool = driveLine(of: device) }

    /// The present state as a value. No other thread may use the machine.
    var devices: PlatformDevices {
        PlatformDevices(
            bus.virtualCPUCount, bus.options, interrupts, seats.map(\.device),
            bus.timeRequest.word.load(ordering: .relaxed))
    }

    func withBus<Result>(_ body: (borrowing MachineBus) -> Result) -> Result { body(bus) }

    func useDevice<Used: Device, Result>(
        _ position: DevicePosition<Used>, _ body: (inout Used) -> Result
    ) -> Result {
        var device = seats[position.number].device as! Used
        defer { seats[position.number].device = device }
        return body(&device)
    }

    func useController<Result>(_ body: (inout InterruptController) -> Result) -> Result { body(&interrupts) }
    func usePower<Result>(_ body: (inout MachinePower) -> Result) -> Result { body(&power) }
    func start(_ virtualCPU: Int) { starts(virtualCPU) }
    func signal(_ bits: UInt64) { signals(bits) }
    func pause() { pauses() }
}

/// The devices of one machine as a plain value. A copy is a snapshot.
struct PlatformDevices {
    var interrupts: InterruptController
    fileprivate var devices: [any Device]
    fileprivate var timeRequest: UInt64
    fileprivate let virtualCPUCount: Int
    fileprivate let options: PlatformOptions

    init(virtualCPUCount: Int, options: PlatformOptions) {
        var maker = Maker()
        MachineDevices.visitAll(&maker)
        self.init(
            virtualCPUCount, options, InterruptController(virtualCPUCount: virtualCPUCount), maker.devices, 0)
    }

    fileprivate init(
        _ virtualCPUCount: Int, _ options: PlatformOptions, _ interrupts: InterruptController,
        _ devices: [any Device], _ timeRequest: UInt64
    ) {
        self.virtualCPUCount = virtualCPUCount
        self.options = options
        self.interrupts = interrupts
        self.devices = devices
        self.timeRequest = timeRequest
    }

    private struct Maker: DeviceVisitor {
        var devices: [any Device] = []
        mutating func visit<Visited: Device>(_ position: DevicePosition<Visited>) { devices.append(Visited()) }
    }

    /// Runs `body` on a machine with these devices, and takes its state over.
    private mutating func onMachine<Result>(_ body: (HostMachine) -> Result) -> Result {
        let machine = HostMachine(self)
        defer { self = machine.devices }
        return body(machine)
    }

    /// Performs an access. Returns the loaded value (zero for a store), or nil if no device has the address.
    mutating func perform(_ access: MemoryAccess, _ environment: inout FakeEnvironment) -> UInt64? {
        onMachine { machine in
            var access = access
            switch machine.perform(&access, &environment) {
            case .done(let value): return value
            case .noDevice: return nil
            case .stopping, .held: preconditionFailure("nobody else uses the machine")
            }
        }
    }

    mutating func exchange(_ environment: inout FakeEnvironment) {
        let isBusy = onMachine { $0.exchange(againAt: 1, &environment) }
        precondition(isBusy == self.isBusy)
    }
    mutating func endMoment(_ environment: inout FakeEnvironment) {
        onMachine { $0.endMoment(againAt: 1, &environment) }
    }
    mutating func watch(_ environment: inout FakeEnvironment) -> UInt64? {
        onMachine { $0.watch(againAt: 1, &environment).sixteenths }
    }
    mutating func reset(_ environment: inout FakeEnvironment) {
        let isReset = onMachine { machine in
            machine.resetDevices(&environment) { $1.virtualCPUs[$0] = FakeEnvironment.Interrupts() }
        }
        precondition(isReset)
    }

    var isBusy: Bool { devices.contains(where: \.isBusy) }
    var awaitsMoment: Bool { devices.contains(where: \.awaitsMoment) }
    var serial: PL011 { devices[0] as! PL011 }
    var clock: PL031 { devices[1] as! PL031 }
    var watchdog: GenericWatchdog { devices[2] as! GenericWatchdog }
}
