import ABI
@testable import Entente
import EntenteTesting
import Testing

extension Register where Value == UInt32 {
    fileprivate static var data: Register { Register(0, .readWrite) }
    fileprivate static var flags: Register { Register(0x18, .readOnly) }
    fileprivate static var mask: Register { Register(0x38, .writeOnly) }
}

/// Records every access, and answers each read with a number that identifies it.
private final class Recorder: FakeDevice {
    var interrupt: FakeInterrupt?
    var accesses: [String] = []
    func read(at offset: Int, width: Int) -> UInt64 {
        accesses.append("read \(offset)/\(width)")
        return 0x8877_6655_4433_2200 + UInt64(accesses.count)
    }
    func write(_ value: UInt64, at offset: Int, width: Int) { accesses.append("write \(offset)/\(width) \(value)") }
}

/// The resources of drivers: registers, interrupts, memory for devices, further notifications.
@Suite struct DeviceTests {
    private let kernel = FakeKernel()
    private let component: FakeComponent

    init() { component = kernel.component("driver") }

    // MARK: Registers

    @Test func eachAccessReachesTheDeviceOnce() {
        let (first, second) = (Recorder(), Recorder())
        component.attach("first", first)
        component.attach("second", second)
        component.run {
            let registers = Registers(named: "second")
            #expect(registers[.data] == 0x4433_2201)
            #expect(registers[.flags] == 0x4433_2202)
            registers[.mask] = 5
            registers[.data] = .max
            #expect(registers[Register<UInt8>(7, .readOnly)] == 0x05)
            #expect(registers[Register<UInt16>(4094, .readOnly)] == 0x2206)
            #expect(registers[Register<UInt64>(4088, .readOnly)] == 0x8877_6655_4433_2207)
            registers[Register<UInt8>(4095, .writeOnly)] = 0xFF
            registers[Register<UInt16>(2, .writeOnly)] = 0xFFFF
            registers[Register<UInt64>(8, .writeOnly)] = .max
        }
        #expect(first.accesses.isEmpty)
        #expect(
            second.accesses == [
                "read 0/4", "read 24/4", "write 56/4 5", "write 0/4 4294967295", "read 7/1", "read 4094/2",
                "read 4088/8", "write 4095/1 255", "write 2/2 65535", "write 8/8 18446744073709551615",
            ])
    }

    @Test func registersAreFoundByName() {
        component.attach("uart", Recorder(), size: 0x40)
        component.run {
            #expect(Registers(ifNamed: "uart")?.size == 0x40)
            #expect(Registers(ifNamed: "uar") == nil && Registers(ifNamed: "") == nil)
            #expect(Interrupt(ifNamed: "uart") != nil && Interrupt(ifNamed: "art") == nil)
            #expect(DMAMemory(ifNamed: "uart") == nil)
        }
    }

    /// A driver's mistake ends the driver, and reaches no device.
    @Test(arguments: [0x40, 0x3D, -4, 0x42, .max, .min])
    func anAccessBeyondTheRegistersStops(offset: Int) async {
        await #expect(processExitsWith: .failure) { [offset] in
            let component = FakeKernel().component("driver")
            component.attach("uart", Recorder(), size: 0x40)
            component.run { _ = Registers(named: "uart")[Register<UInt32>(offset, .readOnly)] }
        }
    }

    /// A driver's mistake does not reach the device whose registers begin where its own device's end. The last register
    /// of its own device is within reach.
    @Test func anAccessToTheNextDeviceStops() async {
        component.attach("own", Recorder(), size: 1 << 20)
        component.run { _ = Registers(named: "own")[Register<UInt32>((1 << 20) - 4, .readOnly)] }
        await #expect(processExitsWith: .failure) {
            let component = FakeKernel().component("driver")
            // The fake places devices 1 MiB apart.
            component.attach("own", Recorder(), size: 1 << 20)
            component.attach("next", Recorder())
            component.run { _ = Registers(named: "own")[Register<UInt32>(1 << 20, .readOnly)] }
        }
    }

    @Test func anAccessThatTheRegisterDoesNotAllowStops() async {
        await #expect(processExitsWith: .failure) {
            let component = FakeKernel().component("driver")
            component.attach("uart", Recorder())
            component.run { Registers(named: "uart")[.flags] = 1 }
        }
        await #expect(processExitsWith: .failure) {
            let component = FakeKernel().component("driver")
            component.attach("uart", Recorder())
            component.run { _ = Registers(named: "uart")[.mask] }
        }
    }

    @Test func theLastRegisterIsOne() {
        component.attach("uart", Recorder(), size: 0x40)
        component.run { #expect(Registers(named: "uart")[Register<UInt32>(0x3C, .readOnly)] == 0x4433_2201) }
    }

    // MARK: Interrupts

    @Test func anInterruptComesAgainWhenItIsAcknowledged() {
        let device = Recorder()
        component.attach("uart", device, raising: .number(1))
        let line = device.interrupt!
        component.run {
            let interrupt = Interrupt(named: "uart")
            #expect(interrupt.events == .number(1))
            #expect(Events.wait() == Events(bits: 0))
            line.isAsserted = true
            #expect(Events.wait() == interrupt.events && line.isActive)
            #expect(Events.wait() == Events(bits: 0), "it is not acknowledged")
            #expect(interrupt.acknowledge() == .ok)
            #expect(Events.wait() == interrupt.events, "the device still asks")
            line.isAsserted = false
            interrupt.acknowledge()
            #expect(Events.wait() == Events(bits: 0) && !line.isActive)
        }
    }

    /// Two edges before an acknowledgement count as one.
    @Test func anEdgeIsNotLost() {
        let device = Recorder()
        component.attach("uart", device)
        let line = device.interrupt!
        component.run {
            let interrupt = Interrupt(named: "uart")
            for _ in 0..<3 { line.pulse() }
            #expect(Events.wait() == interrupt.events)
            interrupt.acknowledge()
            #expect(Events.wait() == interrupt.events)
            interrupt.acknowledge()
            #expect(Events.wait() == Events(bits: 0))
        }
    }

    /// If a driver dies before it acknowledges an interrupt, the interrupt still comes in its next life.
    @Test func aNewLifeHearsOfTheInterrupt() {
        let (device, silent) = (Recorder(), Recorder())
        component.attach("uart", device)
        component.attach("other", silent, raising: .number(49))
        device.interrupt?.isAsserted = true
        silent.interrupt?.pulse()
        component.run { #expect(Events.wait() == Interrupt(named: "uart").events.union(.number(49))) }
        component.raise(.number(3))
        component.restart()
        component.run { #expect(Events.wait() == Interrupt(named: "uart").events) }
    }

    /// A service that drives devices is made after they are attached, and gets the interrupt of each one.
    @Test func aServiceCanDriveDevices() {
        struct Driver: Service {
            let first = Interrupt(named: "a")
            let second = Interrupt(named: "b")
            var heard: [String] = []
            mutating func answer(_ message: inout IncomingMessage) -> OutgoingMessage { .unknownMethod }
            mutating func heard(_ events: Events) {
                if events.contains(first.events) { heard.append("a") }
                if events.contains(second.events) { heard.append("b") }
            }
        }
        let (first, second) = (Recorder(), Recorder())
        let driver = kernel.component("server", serving: Driver(), devices: ["b": second, "a": first])
        second.interrupt?.pulse()
        first.interrupt?.pulse()
        #expect(driver.service.heard == ["b", "a"])
    }

    /// An interrupt that comes while the driver is busy reaches it afterwards.
    @Test func aBusyServiceHearsAfterwards() {
        struct Driver: Service {
            let interrupt = Interrupt(named: "uart")
            var steps: [String] = []
            mutating func begin() {
                Registers(named: "uart")[.mask] = 1
                steps.append("begun")
            }
            mutating func answer(_ message: inout IncomingMessage) -> OutgoingMessage { .unknownMethod }
            mutating func heard(_ events: Events) {
                steps.append("heard")
                if steps.count < 4 { interrupt.acknowledge() }
            }
        }
        final class Eager: FakeDevice {
            var interrupt: FakeInterrupt?
            func read(at offset: Int, width: Int) -> UInt64 { 0 }
            func write(_ value: UInt64, at offset: Int, width: Int) { interrupt?.isAsserted = true }
        }
        let driver = kernel.component("server", serving: Driver(), devices: ["uart": Eager()])
        driver.run { driver.service.begin() }
        #expect(driver.service.steps == ["begun", "heard", "heard", "heard"])
    }

    // MARK: Memory for devices

    @Test func driverAndDeviceSeeOneMemory() {
        let memory = component.addDMAMemory("buffers", size: 8192, deviceAddress: 0x4_0000_0000)
        component.run {
            let buffers = DMAMemory(named: "buffers")
            #expect(buffers.size == 8192 && buffers.deviceAddress == 0x4_0000_0000)
            buffers[8184] = 41
            buffers.order()
            #expect(memory[0x4_0000_1FF8] == 41)
            memory[0x4_0000_0008] = 42
            #expect(buffers[8] == 42 && buffers.memory[8] == 42)
        }
    }

    // MARK: Further notifications

    @Test func aThreadHearsTheNotificationThatItListensTo() {
        component.addNotification("clock")
        component.run {
            let clock = Notification(named: "clock")
            let alarm = Alarm(raising: .number(2), in: clock)
            alarm.set(after: .milliseconds(1))
            Notification.own.raise(.number(3))
            #expect(clock.listen() == .ok)
            #expect(Events.wait() == .number(2), "the other's events wait")
            #expect(Clock.now == Clock.frequency / 1000)
            #expect(Notification.own.poll() == .number(3))
            // Each of the two notifications has a deadline of its own.
            alarm.set(after: .milliseconds(2))
            Alarm(raising: .number(4)).set(after: .milliseconds(1))
            #expect(Notification.own.listen() == .ok)
            #expect(Events.wait() == .number(4))
            #expect(clock.listen() == .ok && Events.wait() == .number(2))
        }
        component.restart()
        component.run {
            Notification.own.raise(.number(5))
            #expect(Events.wait() == .number(5), "a new life hears of its own notification")
        }
    }

    // MARK: Requests to the kernel

    @Test func theKernelIsAskedForWhatTheResourcesName() {
        let scripted = ScriptedKernel()
        scripted.component.attach("uart", Recorder())
        scripted.component.addNotification("clock")
        scripted.run([answer(.ok), answer(.noRights)]) {
            #expect(Interrupt(named: "uart").acknowledge() == .ok)
            #expect(Notification(named: "clock").listen() == .noRights)
        }
        let (interrupt, clock) = (InitialSlot.firstAssigned, InitialSlot.firstAssigned + 1)
        #expect(
            scripted.asked == [
                .init(.interruptControl, interrupt, InterruptControl.acknowledge.rawValue),
                .init(.notificationBind, clock, NotificationBind.thread.rawValue, [UInt64(InitialSlot.thread)]),
            ])
    }
}
