import ABI
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import VirtualPlatform

/// The locks of a machine's units: which accesses go on while a thread is off its core, and what it does later.
@Suite struct MachineBusTests {
    private let machine: HostMachine
    private let environment = SharedEnvironment(kernel: SharedEnvironment.Kernel())
    private let log = Log()

    private final class Log: @unchecked Sendable {
        var started: [Int] = []
        var signalled: UInt64 = 0
    }

    init() {
        var options = PlatformOptions()
        options.hasWatchdog = true
        options.hasVirtio = true
        options.hasFlash = true
        machine = HostMachine(PlatformDevices(virtualCPUCount: 4, options: options))
        let log = self.log
        machine.starts = { log.started.append($0) }
        machine.signals = { log.signalled |= $0 }
    }

    /// A load from each unit of the bus.
    private static var loads: [(unit: MachineUnit, access: MemoryAccess)] {
        MachineDevices.placements.enumerated().map {
            (.device($0.offset), MemoryAccess(address: $0.element.base, size: 1, write: nil))
        } + [
            (.controller, GuestAccess.type),
            (.controller, MemoryAccess(address: PlatformMap.redistributors + 8, size: 4, write: nil)),
        ]
    }

    private func hold(_ unit: MachineUnit, while body: () -> Void) {
        #expect(takes(unit))
        body()
        var environment = environment
        machine.releaseHeld(unit, &environment)
    }

    private func takes(_ unit: MachineUnit) -> Bool { machine.withBus { $0.tryAcquire(unit) } }

    // MARK: One unit's lock

    /// While a thread holds the lock of one device, or of the controller, every access to another unit is done.
    @Test func aUnitHoldsNoLockForAnother() {
        let units = [MachineUnit.power, .controller] + (0..<MachineDevices.count).map(MachineUnit.device)
        for unit in units {
            hold(unit) {
                for load in Self.loads {
                    let answer = machine.makes(load.access, environment)
                    #expect(answer.heldUnit == (load.unit == unit ? unit : nil))
                    #expect(answer.isDone == (load.unit != unit))
                }
            }
        }
        for load in Self.loads { #expect(machine.makes(load.access, environment).isDone) }
    }

    @Test func thereIsALockForEachDevice() {
        #expect(MachineDevices.count <= MachineBus.maximumDevices)
        let bus = MachineBus(virtualCPUCount: 1)
        for number in 0..<MachineBus.maximumDevices {
            let isFree = bus.tryAcquire(.device(number))
            #expect(isFree)
        }
    }

    /// Devices do not overlap in memory, and each begins at a cache line of its own.
    @Test func devicesHaveMemoryOfTheirOwn() {
        struct Spans: DeviceVisitor {
            var ends: [Int] = []
            var numbers: [Int] = []
            mutating func visit<Visited: Device>(_ position: DevicePosition<Visited>) {
                #expect(position.offset % deviceAlignment == 0 && position.offset >= ends.last ?? 0)
                #expect(deviceAlignment % MemoryLayout<Visited>.alignment == 0)
                ends.append(position.offset + MemoryLayout<Visited>.size)
                numbers.append(position.number)
            }
        }
        var spans = Spans()
        MachineDevices.visitAll(&spans)
        #expect(spans.ends.last! <= MachineDevices.size)
        #expect(spans.numbers == Array(0..<MachineDevices.count))
    }

    /// A machine that does not run performs no access.
    @Test func noAccessIsDoneWhileTheMachineStops() {
        let isStopping = machine.withPower { $0.controller.beginStopping() }
        #expect(isStopping == true)
        for load in Self.loads {
            guard case .stopping = machine.makes(load.access, environment) else {
                Issue.record("an access was done")
                continue
            }
        }
    }

    /// The accesses of one instruction go to one device, because an instruction is repeated only if it has had no
    /// effect.
    @Test func anInstructionReachesOneDevice() {
        struct Two: BusRequest {
            let address: UInt64
            let second: UInt64
            var loaded: [UInt64?] = []
            mutating func perform(_ access: (MemoryAccess) -> UInt64?) -> Void? {
                loaded.append(access(MemoryAccess(address: address, size: 4, write: nil)))
                loaded.append(access(MemoryAccess(address: second, size: 4, write: nil)))
                return loaded.contains(nil) ? nil : ()
            }
        }
        var environment = environment
        var two = Two(address: PlatformMap.clock + 0xFF8, second: PlatformMap.clock + 0xFFC)
        #expect(machine.perform(&two, &environment).isDone && two.loaded == [0x05, 0xB1])
        two = Two(address: PlatformMap.clock, second: PlatformMap.serial)
        guard case .noDevice = machine.perform(&two, &environment) else {
            Issue.record("an instruction reached two devices")
            return
        }
    }

    // MARK: Lines

    /// A thread has changed a line, and has not come to the controller yet. The next access to the device lets the
    /// controller follow, so that no virtual CPU takes an interrupt without end that it has handled.
    @Test func theNextAccessLetsTheControllerFollow() {
        var environment = environment
        let enable = MemoryAccess(address: PlatformMap.serial + 0x38, size: 4, write: 0x20)
        guard case .done = machine.makes(enable, environment) else { return }
        let send = MemoryAccess(address: PlatformMap.serial, size: 4, write: 0x41)
        guard case .done = machine.makes(send, environment) else { return }
        #expect(environment.isHigh(PlatformMap.serialInterrupt))
        let hasChanged = machine.withDevice(MachineDevices.first) { device in
            device.write(0x44, size: 4, 0x20, &environment)
            return machine.driveLine(of: device)
        }
        #expect(hasChanged == true && environment.isHigh(PlatformMap.serialInterrupt))
        guard case .done = machine.makes(GuestAccess.flags, environment) else { return }
        #expect(!environment.isHigh(PlatformMap.serialInterrupt), "nobody has told the controller")
    }

    /// A thread tries a lock again before it gives up, because a holder that runs needs it for a moment only.
    @Test func aThreadIsPatient() {
        #expect(takes(.device(0)))
        machine.patience = 2
        machine.pauses = { [machine] in _ = machine.bus.release(.device(0)) }
        guard case .done = machine.makes(GuestAccess.flags, environment) else {
            Issue.record("the thread has given up")
            return
        }
        machine.patience = 0
        #expect(takes(.device(0)))
        guard case .held(.device(0)) = machine.makes(GuestAccess.flags, environment) else {
            Issue.record("the thread has waited")
            return
        }
    }

    /// A line changes while another thread has the controller: the access is done, and the controller follows when
    /// that thread releases it.
    @Test func theControllerFollowsALineLater() {
        machine.makes(GuestAccess.unmask, environment)
        hold(.controller) {
            #expect(machine.makes(GuestAccess.raise, environment).isDone)
            #expect(!environment.isHigh(PlatformMap.clockInterrupt))
        }
        #expect(environment.isHigh(PlatformMap.clockInterrupt))
        hold(.controller) { #expect(machine.makes(GuestAccess.lower, environment).isDone) }
        #expect(!environment.isHigh(PlatformMap.clockInterrupt))
        machine.makes(GuestAccess.raise, environment)
        #expect(environment.isHigh(PlatformMap.clockInterrupt))
    }

    // MARK: Virtual CPUs that wait

    private func deferExit(of virtualCPU: Int, until unit: MachineUnit) {
        var environment = environment
        machine.deferExit(of: virtualCPU, until: unit, &environment) {}
    }

    /// A virtual CPU that waits for a unit continues when the unit is free, and counts as running until then.
    @Test func aVirtualCPUContinuesWhenTheUnitIsFree() {
        for number in 1..<4 { #expect(turnOn(number)) }
        for unit in [MachineUnit.device(0), .device(3), .controller, .power] {
            log.started = []
            hold(unit) {
                deferExit(of: 0, until: unit)
                deferExit(of: 3, until: unit)
                #expect(log.started == [] && machine.hasDeferrals)
            }
            #expect(log.started == [0, 3] && !machine.hasDeferrals)
        }
    }

    private func turnOn(_ number: Int) -> Bool {
        let call = FirmwareCall(function: 0xC400_0003, UInt64(number), 0, 0)
        let ram = GuestBounds(MemoryRange(base: 0, size: 4096))
        return machine.withPower { power in
            guard case .turnOn = power.controller.perform(call, from: 0, ram: ram) else { return false }
            return power.controller.finishTurningOn(number)
        } ?? false
    }

    /// A virtual CPU that waits for nobody continues at once.
    @Test func aVirtualCPUWhoseUnitIsFreeContinues() {
        for unit in [MachineUnit.device(1), .controller, .power] {
            log.started = []
            deferExit(of: 0, until: unit)
            #expect(log.started == [0] && !machine.hasDeferrals)
            #expect(takes(unit))
            var environment = environment
            machine.releaseHeld(unit, &environment)
        }
    }

    /// Only a holder of the power state's lock starts virtual CPUs, whichever unit they wait for.
    @Test func startsWaitForThePowerState() {
        for unit in [MachineUnit.device(1), .controller] {
            log.started = []
            hold(.power) {
                hold(unit) { deferExit(of: 0, until: unit) }
                #expect(log.started == [] && machine.hasDeferrals)
            }
            #expect(log.started == [0] && !machine.hasDeferrals)
        }
    }

    /// A virtual CPU that waits for a unit when the machine is stopped stays stopped, and the stop waits for it.
    @Test func aMachineThatStopsStartsNoVirtualCPU() {
        hold(.device(0)) {
            deferExit(of: 0, until: .device(0))
            _ = machine.withPower { $0.controller.beginStopping() }
            #expect(machine.hasDeferrals)
        }
        #expect(log.started == [] && !machine.hasDeferrals)
    }

    // MARK: Events

    /// An event that finds a device's lock held reaches the other devices, and comes again for that one.
    @Test func anEventComesAgainForAUnitThatIsHeld() {
        var environment = environment
        for number in 0..<MachineDevices.count {
            log.signalled = 0
            hold(.device(number)) {
                #expect(machine.exchange(againAt: 2, &environment))
                machine.endMoment(againAt: 4, &environment)
                #expect(log.signalled == 0)
            }
            #expect(log.signalled == 6)
        }
        log.signalled = 0
        #expect(!machine.exchange(againAt: 2, &environment))
        machine.endMoment(againAt: 4, &environment)
        #expect(log.signalled == 0)
    }

    /// The timer may be that of the device whose lock is held, so that nobody else sets it.
    @Test func theTimeIsLookedAtAgainForAUnitThatIsHeld() {
        var environment = environment
        #expect(machine.watch(againAt: 8, &environment) == Watch())
        machine.bus.timeRequest.word.store(16, ordering: .relaxed)
        hold(.device(2)) {
            #expect(machine.watch(againAt: 8, &environment) == Watch(sixteenths: 1, isTimerTaken: true))
        }
        #expect(log.signalled == 8)
        #expect(machine.watch(againAt: 8, &environment) == Watch())
    }

    /// A reset waits for a lock that is held, and can be repeated.
    @Test func aResetWaitsForEveryUnit() {
        machine.makes(GuestAccess.unmask, environment)
        machine.makes(GuestAccess.raise, environment)
        let units = [MachineUnit.controller] + (0..<MachineDevices.count).map(MachineUnit.device)
        var environment = environment
        let kernel = environment.kernel
        func reset() -> Bool {
            machine.resetDevices(&environment) { number, _ in if number == 0 { kernel.levels = [0, 0, 0, 0] } }
        }
        for unit in units { hold(unit) { #expect(!reset()) } }
        #expect(reset() && reset() && !environment.isHigh(PlatformMap.clockInterrupt))
        machine.makes(GuestAccess.unmask, environment)
        machine.makes(GuestAccess.raise, environment)
        #expect(environment.isHigh(PlatformMap.clockInterrupt))
    }
}

// MARK: - Several threads

extension MachineBusTests {
    /// Threads use all units at once, as virtual CPUs do. Each access is done in the end, no virtual CPU sleeps for
    /// ever, and the controller has the last level of the line.
    @Test func threadsUseAllUnitsAtOnce() async {
        let crew = Crew()
        let turns = TestLength.count(short: 1000, long: 10_000)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<4 {
                group.addTask {
                    await withCheckedContinuation { continuation in
                        Thread.detachNewThread {
                            for turn in 0..<turns { crew.turn(number, turn) }
                            continuation.resume()
                        }
                    }
                }
            }
        }
        #expect(!crew.machine.hasDeferrals)
        #expect(crew.environment.isHigh(PlatformMap.clockInterrupt) == crew.machine.devices.clock.isInterrupting)
        #expect(crew.done.load(ordering: .relaxed) == 4 * turns)
    }

    private final class Crew: Sendable {
        let machine = HostMachine(PlatformDevices(virtualCPUCount: 4, options: PlatformOptions()))
        let environment = SharedEnvironment(kernel: SharedEnvironment.Kernel())
        let bells = (0..<4).map { _ in DispatchSemaphore(value: 0) }
        let done = Atomic<Int>(0)

        init() {
            let bells = self.bells
            machine.starts = { bells[$0].signal() }
            let ram = GuestBounds(MemoryRange(base: 0, size: 4096))
            for number in 1..<4 {
                let call = FirmwareCall(function: 0xC400_0003, UInt64(number), 0, 0)
                _ = machine.withPower {
                    _ = $0.controller.perform(call, from: 0, ram: ram)
                    return $0.controller.finishTurningOn(number)
                }
            }
            machine.makes(GuestAccess.unmask, environment)
        }

        private static var accesses: [MemoryAccess] {
            [GuestAccess.raise, GuestAccess.type, GuestAccess.lower, GuestAccess.flags, GuestAccess.raise]
        }

        func turn(_ number: Int, _ turn: Int) {
            var environment = environment
            // Two threads use the power state now and then.
            if turn % 5 == number, number < 2 {
                while machine.withPower({ _ in }) == nil { wait(number, .power, &environment) }
            }
            while true {
                let answer = machine.makes(Self.accesses[(turn + number) % Self.accesses.count], environment)
                guard let unit = answer.heldUnit else { break }
                wait(number, unit, &environment)
            }
            done.wrappingAdd(1, ordering: .relaxed)
        }

        private func wait(_ number: Int, _ unit: MachineUnit, _ environment: inout SharedEnvironment) {
            machine.deferExit(of: number, until: unit, &environment) {}
            bells[number].wait()
        }
    }
}
