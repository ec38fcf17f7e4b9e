import ABI
import Interleaving
import Testing

@testable import VirtualPlatform

/// The locks of a machine's units in every interleaving of two or three threads.
@Suite struct InterleavingBusTests {
    /// The virtual CPUs of a machine, each with a thread of the monitor.
    private final class Crew {
        private(set) var machine: HostMachine
        private(set) var environment = SharedEnvironment(kernel: SharedEnvironment.Kernel())
        var isStopped: [Bool] = []
        var failures: [String] = []
        var done = 0
        /// The result of a look at the time.
        var next: UInt64?
        /// Set once the machine is off, by the thread that stops it.
        var isOff = false

        init() { machine = HostMachine(PlatformDevices(virtualCPUCount: 3, options: PlatformOptions())) }

        func begin() {
            machine = HostMachine(PlatformDevices(virtualCPUCount: 3, options: PlatformOptions()))
            environment = SharedEnvironment(kernel: SharedEnvironment.Kernel())
            isStopped = [false, false, false]
            failures = []
            done = 0
            isOff = false
            next = nil
            machine.starts = { [unowned self] number in
                if isOff { failures.append("\(number) starts although the machine is off") }
                if !isStopped[number] { failures.append("\(number) starts twice") }
                isStopped[number] = false
            }
            _ = machine.withPower { turnAllOn(&$0.controller) }
            machine.makes(GuestAccess.unmask, environment)
        }

        /// Turns on the virtual CPUs beside the first.
        private func turnAllOn(_ controller: inout PowerController) {
            let ram = GuestBounds(MemoryRange(base: 0, size: 4096))
            for number in 1..<3 {
                let call = FirmwareCall(function: 0xC400_0003, UInt64(number), 0, 0)
                _ = controller.perform(call, from: 0, ram: ram)
                _ = controller.finishTurningOn(number)
            }
        }

        /// Leaves a virtual CPU stopped until a unit is free. Returns false if it never continues.
        private func wait(_ number: Int, _ unit: MachineUnit) -> Bool {
            var environment = environment
            machine.deferExit(of: number, until: unit, &environment) { isStopped[number] = true }
            if Interleaving.wait(until: { !isStopped[number] }) { return true }
            if !isOff { failures.append("\(number) sleeps for ever") }
            return false
        }

        /// Makes an access, now or after other threads.
        func access(_ number: Int, _ access: MemoryAccess) {
            while true {
                switch machine.makes(access, environment) {
                case .done:
                    done += 1
                    return
                case .held(let unit): guard wait(number, unit) else { return }
                case .stopping:
                    isStopped[number] = true
                    return
                case .noDevice: return failures.append("no device")
                }
            }
        }

        /// Uses the power state and the controller, as CPU_ON does.
        func turnOn(_ number: Int) {
            while true {
                var environment = environment
                var held = MachineUnit.power
                let done = machine.withPower { _ in
                    let done: Void? = machine.withController(&environment) { _, _ in }
                    if done == nil { held = .controller }
                    return done
                }
                if done != nil && done! != nil {
                    self.done += 1
                    return
                }
                guard wait(number, held) else { return }
            }
        }

        /// Stops the machine, as the first thread does. Virtual CPU `own` has asked for it.
        /// - Parameter restarts: whether the machine starts again, with all virtual CPUs.
        func stop(_ own: Int, restarts: Bool = false) {
            isStopped[own] = true
            while machine.withPower({ _ = $0.controller.beginStopping() }) == nil { Interleaving.letOthersGoOn() }
            while true {
                let isDone = machine.withPower { power in
                    guard !isStopped.contains(false), !machine.hasDeferrals else { return false }
                    var environment = environment
                    let isReset = machine.resetDevices(&environment) { _, _ in }
                    // A waiter that finds the lock free, because its bit was handled already, has it for a moment.
                    guard isReset else { return false }
                    power.controller.finishStopping()
                    isOff = !restarts
                    if restarts {
                        power.controller = PowerController(virtualCPUCount: 3)
                        turnAllOn(&power.controller)
                        isStopped = [false, false, false]
                    }
                    return true
                }
                if isDone == true { return }
                Interleaving.letOthersGoOn()
            }
        }

        func check() -> String? {
            if let failure = failures.first { return failure }
            if machine.hasDeferrals { return "a deferral is left" }
            let isHigh = machine.devices.clock.isInterrupting
            if environment.isHigh(PlatformMap.clockInterrupt) != isHigh, !isOff { return "a level is lost" }
            let units = [MachineUnit.power, .controller] + (0..<MachineDevices.count).map(MachineUnit.device)
            for unit in units where !machine.bus.tryAcquire(unit) { return "a lock is held: \(unit)" }
            return nil
        }
    }

    private func explore(
        _ cores: Int, sourceLocation: SourceLocation = #_sourceLocation,
        expecting done: Int? = nil, before: @escaping (_ crew: Crew) -> Void = { _ in },
        after: @escaping (_ crew: Crew) -> String? = { _ in nil }, _ body: @escaping (_ crew: Crew, _ core: Int) -> Void
    ) {
        let crew = Crew()
        let scenario = Scenario(
            cores: cores,
            reset: {
                crew.begin()
                before(crew)
            }, body: { body(crew, $0) },
            check: {
                if let failure = crew.check() { return failure }
                guard let done, crew.done != done else { return after(crew) }
                return "done: \(crew.done)"
            })
        let extent =
            Extent.isFull
            ? Extent(deviations: 3, schedules: 40_000, random: 4000)
            : Extent(deviations: 2, schedules: 500, random: 300)
        let result = scenario.explore(extent)
        if let failure = result.failure { Issue.record("\(failure)", sourceLocation: sourceLocation) }
        if Extent.isReported {
            print("interleavings: \(sourceLocation.fileName):\(sourceLocation.line)", result.summary)
        }
    }

    /// One thread raises a line and another lowers it, while a third has the controller.
    @Test func noLevelIsLost() {
        explore(3, expecting: 3) { crew, core in
            crew.access(core, [GuestAccess.raise, GuestAccess.lower, GuestAccess.type][core])
        }
    }

    /// One thread changes a line twice while another has the controller.
    @Test func theLastLevelArrives() {
        explore(2, expecting: 3) { crew, core in
            crew.access(core, core == 0 ? GuestAccess.raise : GuestAccess.type)
            if core == 0 { crew.access(core, GuestAccess.lower) }
        }
    }

    /// Virtual CPUs wait for a device, the controller and the power state, and all continue.
    @Test func noWakeUpIsLostOnTheWayToThePowerState() {
        explore(3, expecting: 3) { crew, core in
            if core == 0 { crew.turnOn(core) } else { crew.access(core, GuestAccess.flags) }
        }
        explore(3, expecting: 3) { crew, core in
            if core == 0 { crew.access(core, GuestAccess.type) } else { crew.turnOn(core) }
        }
    }

    /// The machine is stopped while virtual CPUs wait. None starts after that, and no unit is in use at the reset.
    @Test func noneStartsAfterAStop() {
        explore(3) { crew, core in
            if core == 0 { crew.stop(core) } else { crew.access(core, GuestAccess.flags) }
            crew.isStopped[core] = true
        }
    }

    /// The machine restarts while virtual CPUs wait. In its next life none is started that does not wait.
    @Test func aWaitEndsBeforeTheNextLife() {
        explore(3) { crew, core in
            if core == 0 { crew.stop(core, restarts: true) } else { crew.access(core, GuestAccess.flags) }
            crew.isStopped[core] = true
        }
    }

    /// A virtual CPU comes to wait while the holder takes the one that waits already. Both continue.
    @Test(arguments: [MachineUnit.device(0), .controller]) func aLateWaiterIsWoken(unit: MachineUnit) {
        explore(
            2, expecting: 1,
            before: { crew in
                _ = crew.machine.bus.tryAcquire(unit)
                crew.isStopped[2] = true
                var environment = crew.environment
                crew.machine.deferExit(of: 2, until: unit, &environment) {}
            }, after: { $0.isStopped[2] ? "the first waiter sleeps" : nil }
        ) { crew, core in
            var environment = crew.environment
            if core == 0 {
                crew.machine.releaseHeld(unit, &environment)
            } else {
                crew.access(core, unit == .controller ? GuestAccess.type : GuestAccess.flags)
            }
        }
    }

    // MARK: The time

    /// A device gets an alarm while the time is looked at. Either this look returns when the next one is due, or the
    /// device asks for another look.
    @Test func noAlarmIsLost() {
        explore(
            2, expecting: 1, before: { $0.machine.bus.timeRequest.word.store(16, ordering: .relaxed) },
            after: { crew in
                let isKnown = crew.next != nil || crew.environment.kernel.watches.load(ordering: .relaxed) != 0
                return isKnown ? nil : "the alarm is lost"
            }
        ) { crew, core in
            var environment = crew.environment
            if core == 0 {
                crew.access(core, GuestAccess.alarm)
            } else {
                crew.next = crew.machine.watch(againAt: 1, &environment).sixteenths
            }
        }
    }
}
