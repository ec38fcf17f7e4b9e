import ABI
import Testing

@testable import VirtualPlatform

@Suite struct PSCITests {
    private static let ram = MemoryRange(base: 0x4000_0000, size: 0x1000_0000)
    private static let cpuOn: UInt64 = 0xC400_0003
    private static let entry: UInt64 = 0x4020_0000

    private func perform(
        _ power: inout PowerController, _ function: UInt64, _ first: UInt64 = 0, _ second: UInt64 = 0,
        _ third: UInt64 = 0, from caller: Int = 0
    ) -> FirmwareAction {
        power.perform(FirmwareCall(function: function, first, second, third), from: caller, ram: GuestBounds(Self.ram))
    }

    private func result(_ status: Int64) -> FirmwareAction { .resume(UInt64(bitPattern: status)) }

    /// Returns a machine of `count` virtual CPUs that are all on.
    private func running(_ count: Int) -> PowerController {
        var power = PowerController(virtualCPUCount: count)
        for target in 1..<count {
            _ = perform(&power, Self.cpuOn, UInt64(target), Self.entry)
            _ = power.finishTurningOn(target)
        }
        return power
    }

    @Test func versionsAndFeatures() {
        var power = PowerController(virtualCPUCount: 1)
        #expect(perform(&power, 0x8400_0000) == .resume(0x1_0001))
        #expect(perform(&power, 0x8000_0000) == .resume(0x1_0001))
        #expect(perform(&power, 0x8400_0006) == .resume(2))
        for function: UInt64 in [
            0x8000_0000, 0x8400_0000, 0x8400_0001, 0xC400_0001, 0x8400_0002, 0x8400_0003, 0xC400_0003, 0xC400_0004,
            0x8400_0006, 0x8400_0008, 0x8400_0009, 0x8400_000A, 0xC400_0012,
        ] {
            #expect(perform(&power, 0x8400_000A, function) == result(0), "\(function)")
        }
        #expect(perform(&power, 0x8400_000A, 0x8400_0005) == result(-1))
        #expect(perform(&power, 0x8000_0001, 0x8000_0001) == result(0))
        #expect(perform(&power, 0x8000_0001, 0x8000_8000) == result(-1))
        for unknown: UInt64 in [0, 0x8400_0005, 0xC400_0002, 0xC600_0000, 0xFFFF_FFFF] {
            #expect(perform(&power, unknown) == result(-1))
        }
    }

    @Test func onlyTheLowHalfOfTheFunctionCounts() {
        var power = PowerController(virtualCPUCount: 2)
        #expect(perform(&power, 0xFFFF_FFFF_8400_0000) == .resume(0x1_0001))
        // The 32-bit form of CPU_ON uses the low halves of its arguments.
        #expect(
            perform(&power, 0x8400_0003, 0xFFFF_FFFF_0000_0001, 0xFFFF_FFFF_4020_0000, 0xFFFF_FFFF_0000_0007)
                == .turnOn(target: 1, entry: Self.entry, context: 7))
    }

    @Test func turningOn() {
        var power = PowerController(virtualCPUCount: 2)
        #expect(perform(&power, 0xC400_0004, 1) == .resume(1))
        #expect(perform(&power, Self.cpuOn, 1, Self.entry, 42) == .turnOn(target: 1, entry: Self.entry, context: 42))
        #expect(perform(&power, 0xC400_0004, 1) == .resume(2))
        #expect(power.finishTurningOn(1) == true)
        #expect(perform(&power, 0xC400_0004, 1) == .resume(0))
        #expect(perform(&power, Self.cpuOn, 1, Self.entry) == result(-4))
        #expect(perform(&power, Self.cpuOn, 0, Self.entry) == result(-4))
    }

    @Test func turningOnChecksItsArguments() {
        var power = PowerController(virtualCPUCount: 2)
        for affinity: UInt64 in [2, 0x100, 0x8000_0001, 1 << 32, .max] {
            #expect(perform(&power, Self.cpuOn, affinity, Self.entry) == result(-2))
        }
        for entry: UInt64 in [0, 0x3FFF_FFFC, 0x5000_0000, 0x4000_0002, .max] {
            #expect(perform(&power, Self.cpuOn, 1, entry) == result(-9))
        }
        #expect(power.state(of: 1) == .off)
    }

    @Test func ofTwoCallersOneTurnsOn() {
        var power = running(3)
        #expect(perform(&power, 0x8400_0002, from: 1) == .turnOff)
        power.finishTurningOff(1)
        #expect(
            perform(&power, Self.cpuOn, 1, Self.entry, from: 0) == .turnOn(target: 1, entry: Self.entry, context: 0))
        #expect(perform(&power, Self.cpuOn, 1, Self.entry, from: 2) == result(-5))
        #expect(power.finishTurningOn(1) == true)
        #expect(power.finishTurningOn(1) == false)
    }

    @Test func aTargetThatIsStillTurningOffCountsAsOn() {
        var power = running(2)
        #expect(perform(&power, 0x8400_0002, from: 1) == .turnOff)
        #expect(perform(&power, 0xC400_0004, 1) == .resume(0))
        #expect(perform(&power, Self.cpuOn, 1, Self.entry) == result(-4))
        power.finishTurningOff(1)
        #expect(perform(&power, 0xC400_0004, 1) == .resume(1))
    }

    /// It was started, and asked to turn off before its starter looked again.
    @Test func aLateEndOfTurningOffDoesNotHitANewLife() {
        var power = running(2)
        _ = perform(&power, 0x8400_0002, from: 1)
        power.finishTurningOff(1)
        _ = perform(&power, Self.cpuOn, 1, Self.entry)
        power.finishTurningOff(1)
        #expect(power.state(of: 1) == .onPending)
    }

    @Test func affinityInfoChecksItsArguments() {
        var power = PowerController(virtualCPUCount: 2)
        #expect(perform(&power, 0xC400_0004, 2) == result(-2))
        #expect(perform(&power, 0xC400_0004, 0, 4) == result(-2))
        #expect(perform(&power, 0xC400_0004, 1, 1) == .resume(0))
        #expect(perform(&power, 0xC400_0004, 0x100, 1) == result(-2))
        #expect(perform(&power, 0xC400_0004, 0, .max) == result(-2))
    }

    @Test func suspendReturnsAtOnce() {
        var power = PowerController(virtualCPUCount: 1)
        #expect(perform(&power, 0xC400_0001, 0, Self.entry) == result(0))
        #expect(perform(&power, 0xC400_0001, 0x1_0000, Self.entry) == result(0))
        #expect(perform(&power, 0xC400_0001, 0x8000_0000) == result(-2))
    }

    @Test func ofTwoThatStopTheMachineOneDoes() {
        var power = running(2)
        #expect(perform(&power, 0x8400_0009, from: 0) == .reset)
        #expect(perform(&power, 0x8400_0008, from: 1) == .stop)
        #expect(perform(&power, 0x8400_0000, from: 1) == .stop)
        power.finishStopping()
        #expect(power.machine == .off)
        #expect(perform(&power, Self.cpuOn, 0, Self.entry) == .stop)
        #expect(power.state(of: 0) == .off)
    }

    @Test func resetTypes() {
        var power = running(1)
        #expect(perform(&power, 0xC400_0012, 0x8000_0000) == result(-2))
        #expect(perform(&power, 0xC400_0012, 0) == .reset)
    }

    /// A virtual CPU that is being prepared when the machine is stopped must not start after all others have stopped.
    @Test func stoppingWaitsForWhatIsUnderWay() {
        var power = running(4)
        _ = perform(&power, 0x8400_0002, from: 3)
        power.finishTurningOff(3)
        #expect(power.isSettled)
        #expect(
            perform(&power, Self.cpuOn, 3, Self.entry, from: 1) == .turnOn(target: 3, entry: Self.entry, context: 0))
        #expect(perform(&power, 0x8400_0002, from: 2) == .turnOff)
        #expect(perform(&power, 0x8400_0009, from: 0) == .reset)
        #expect(!power.isSettled)
        #expect(power.finishTurningOn(3) == false)
        #expect(!power.isSettled)
        power.finishTurningOff(2)
        #expect(power.isSettled)
    }

    @Test func aMachineThatIsBeingLoadedObeysNobody() {
        var power = PowerController(virtualCPUCount: 2, machine: .starting)
        #expect(perform(&power, Self.cpuOn, 1, Self.entry) == .stop)
        #expect(perform(&power, 0x8400_0009) == .stop)
        power.finishStarting()
        #expect(power.machine == .running)
        #expect(perform(&power, Self.cpuOn, 1, Self.entry) == .turnOn(target: 1, entry: Self.entry, context: 0))
    }

    /// A virtual CPU that waits for a moment must not go on after it, or the machine, has been turned off.
    @Test func onlyAVirtualCPUThatIsOnMayRun() {
        var power = PowerController(virtualCPUCount: 2, machine: .starting)
        #expect(power.mayRun(0) && !power.mayRun(1) && !power.mayRun(2))
        power.finishStarting()
        _ = perform(&power, Self.cpuOn, 1, Self.entry)
        #expect(!power.mayRun(1))
        _ = power.finishTurningOn(1)
        #expect(power.mayRun(0) && power.mayRun(1))
        _ = perform(&power, 0x8400_0002, from: 1)
        #expect(!power.mayRun(1))
        _ = perform(&power, 0x8400_0009)
        #expect(!power.mayRun(0))
        power.finishStopping()
        #expect(!power.mayRun(0))
        power.finishStarting()
        #expect(power.machine == .off)
    }
}
