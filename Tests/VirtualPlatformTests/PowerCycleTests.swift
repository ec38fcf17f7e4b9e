import ABI
import Testing

@testable import VirtualPlatform

/// The steps of a machine's power cycle.
@Suite struct PowerCycleTests {
    /// A machine of two virtual CPUs, as the kernel and its devices show it.
    private final class Machine: PowerCycleEnvironment {
        var now: UInt64 = 1_000_000
        var stopped: Set<Int> = []
        /// The virtual CPUs whose exits are being served, which no stop reaches yet.
        var served: Set<Int> = []
        var hasDeferrals = false
        var isOutputGone = true
        var canReset = true
        var canStart = true
        var areDevicesReady = true
        var log: [String] = []

        func ticks() -> UInt64 { now }
        func stop(_ virtualCPU: Int) { if !served.contains(virtualCPU) { stopped.insert(virtualCPU) } }
        func isStopped(_ virtualCPU: Int) -> Bool { stopped.contains(virtualCPU) }
        func isDrained() -> Bool { isOutputGone }
        func reset() -> Bool {
            if canReset { log.append("reset") }
            return canReset
        }
        func loadingPlan(maps: Bool) -> LoadingPlan {
            LoadingPlan(
                memory: MemoryRange(base: 0x4000_0000, size: 2 << 20), maps: maps,
                segments: InlineArray(repeating: MemoryRange(base: 0, size: 0)))
        }
        func prepareDevices() -> Bool { areDevicesReady }
        func startAtDoorstep() -> Bool { start("doorstep") }
        func startAtEntry(_ power: MachinePower) -> Bool {
            power.controller.machine == .running && start("entry")
        }
        private func start(_ name: String) -> Bool {
            log.append(name)
            if canStart { stopped.remove(0) }
            return canStart
        }
    }

    private let machine = Machine()

    /// Makes a machine that runs, with both virtual CPUs on.
    private func running() -> MachinePower {
        var power = MachinePower(virtualCPUCount: 2, ticksPerMillisecond: 1000)
        power.controller.finishStarting()
        let call = FirmwareCall(function: 0xC400_0003, 1, 0, 0)
        let ram = GuestBounds(MemoryRange(base: 0, size: 4096))
        let action = power.controller.perform(call, from: 0, ram: ram)
        #expect(action == .turnOn(target: 1, entry: 0, context: 0))
        let isOn = power.controller.finishTurningOn(1)
        #expect(isOn)
        return power
    }

    private func stopping(restarts: Bool = false) -> MachinePower {
        var power = running()
        beginStopping(&power)
        power.cycle.restarts = restarts
        return power
    }

    private func step(_ power: inout MachinePower) -> PowerStep { power.takeStep(machine) }
    private func begin(_ power: inout MachinePower) -> PowerStep { power.beginLoading(machine, maps: true) }
    private func beginStopping(_ power: inout MachinePower) {
        let isStopping = power.controller.beginStopping()
        #expect(isStopping)
    }

    // MARK: The end

    @Test func aMachineThatRunsHasNoStep() {
        var power = running()
        #expect(step(&power) == .nothing && machine.stopped == [])
    }

    @Test func aMachineThatHasStoppedIsOff() {
        var power = stopping()
        #expect(step(&power) == .off)
        #expect(power.controller.machine == .off && power.controller.state(of: 1) == .off)
        #expect(step(&power) == .nothing && machine.log == [])
    }

    /// The end waits for each virtual CPU that is served, waits for a lock, or is being turned off.
    @Test func theEndWaits() {
        var power = stopping()
        machine.served = [1]
        #expect(step(&power) == .lookAgain && machine.stopped == [0])
        machine.served = []
        machine.hasDeferrals = true
        #expect(step(&power) == .lookAgain && machine.stopped == [0, 1])
        machine.hasDeferrals = false
        machine.isOutputGone = false
        #expect(step(&power) == .lookAgain && power.controller.machine == .stopping)
        machine.isOutputGone = true
        #expect(step(&power) == .off)
    }

    @Test func theEndWaitsForAVirtualCPUThatTurnsItselfOff() {
        var power = running()
        let off = FirmwareCall(function: 0x8400_0002, 0, 0, 0)
        let ram = GuestBounds(MemoryRange(base: 0, size: 4096))
        let action = power.controller.perform(off, from: 1, ram: ram)
        #expect(action == .turnOff)
        beginStopping(&power)
        #expect(step(&power) == .lookAgain && machine.stopped == [])
        machine.stopped = [1]
        #expect(step(&power) == .off)
    }

    /// A reader of the output that is dead delays the end by a hundred checks.
    @Test func outputDelaysTheEndForAWhile() {
        var power = stopping()
        machine.isOutputGone = false
        var looks = 0
        while step(&power) == .lookAgain, looks < 1000 { looks += 1 }
        #expect(looks == 100 && power.controller.machine == .off)
    }

    // MARK: The start

    /// Fills RAM, as virtual CPU 0 does at the doorstep.
    private func load(_ power: inout MachinePower) { while power.cycle.loading.next() != nil {} }

    @Test func aMachineIsLoadedAndStarts() {
        var power = MachinePower(virtualCPUCount: 2, ticksPerMillisecond: 1000)
        #expect(begin(&power) == .nothing && machine.log == ["reset", "doorstep"])
        #expect(power.controller.machine == .starting)
        // The last piece is being filled.
        load(&power)
        #expect(step(&power) == .nothing)
        // A virtual CPU that waits for a lock comes to the doorstep again.
        machine.stopped = [0, 1]
        machine.hasDeferrals = true
        #expect(step(&power) == .nothing && machine.log == ["reset", "doorstep"])
        machine.hasDeferrals = false
        #expect(step(&power) == .nothing && machine.log == ["reset", "doorstep", "entry"])
        #expect(power.controller.machine == .running)
    }

    @Test func aMachineIsNotStartedBeforeItsDevicesAreReady() {
        var power = MachinePower(virtualCPUCount: 2, ticksPerMillisecond: 1000)
        #expect(begin(&power) == .nothing)
        load(&power)
        machine.stopped = [0, 1]
        machine.areDevicesReady = false
        #expect(step(&power) == .nothing && power.controller.machine == .starting)
        machine.areDevicesReady = true
        #expect(step(&power) == .nothing && machine.log == ["reset", "doorstep", "entry"])
    }

    @Test func aMachineIsNotStartedBeforeItIsLoaded() {
        var power = MachinePower(virtualCPUCount: 2, ticksPerMillisecond: 1000)
        #expect(begin(&power) == .nothing)
        machine.stopped = [0, 1]
        #expect(step(&power) == .nothing && machine.log == ["reset", "doorstep"])
    }

    /// The first restart comes at once, and the next one waits. Each has a new plan and no trace of the last one.
    @Test func aMachineRestarts() {
        var power = stopping(restarts: true)
        power.cycle.looks = 7
        #expect(step(&power) == .nothing && machine.log == ["reset", "doorstep"])
        #expect(!power.cycle.restarts && power.cycle.looks == 0 && power.cycle.dueAt == nil)
        load(&power)
        machine.stopped = [0, 1]
        #expect(step(&power) == .nothing && power.controller.machine == .running)

        beginStopping(&power)
        power.cycle.restarts = true
        machine.log = []
        #expect(step(&power) == .wait(100_000) && machine.log == [])
        machine.now += 40_000
        #expect(step(&power) == .waitLonger(60_000) && machine.log == [])
        machine.now += 60_000
        #expect(step(&power) == .nothing && machine.log == ["reset", "doorstep"])
    }

    /// A reset that finds a lock held is tried again.
    @Test func aResetIsTriedAgain() {
        var power = stopping(restarts: true)
        machine.canReset = false
        #expect(step(&power) == .lookAgain && power.controller.machine == .off)
        #expect(step(&power) == .lookAgain && machine.log == [])
        machine.canReset = true
        #expect(step(&power) == .nothing && machine.log == ["reset", "doorstep"])
    }

    @Test func aStartThatTheKernelRefusesIsReported() {
        machine.canStart = false
        var power = MachinePower(virtualCPUCount: 2, ticksPerMillisecond: 1000)
        #expect(begin(&power) == .cannotStart)
        load(&power)
        machine.stopped = [0, 1]
        #expect(step(&power) == .cannotStart)
    }
}
