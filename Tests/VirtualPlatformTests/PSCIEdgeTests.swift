import ABI
import Testing

@testable import VirtualPlatform

/// Each error of PSCI, each state that a call may meet, and the limits of the arguments.
@Suite struct PSCIEdgeTests {
    private static let ram = MemoryRange(base: 0x4000_0000, size: 0x1000_0000)
    private static let cpuOn: UInt64 = 0xC400_0003
    private static let cpuOff: UInt64 = 0x8400_0002
    private static let affinityInfo: UInt64 = 0xC400_0004

    private func perform(
        _ power: inout PowerController, _ function: UInt64, _ first: UInt64 = 0, _ second: UInt64 = 0,
        _ third: UInt64 = 0, from caller: Int = 0
    ) -> FirmwareAction {
        power.perform(FirmwareCall(function: function, first, second, third), from: caller, ram: GuestBounds(Self.ram))
    }

    private func result(_ status: Int64) -> FirmwareAction { .resume(UInt64(bitPattern: status)) }

    @Test func everyFunctionIsThereOrNot() {
        var power = PowerController(virtualCPUCount: 1)
        let provided: Set<UInt64> = [
            0x8400_0000, 0x8400_0001, 0xC400_0001, 0x8400_0002, 0x8400_0003, 0xC400_0003, 0x8400_0004, 0xC400_0004,
            0x8400_0006, 0x8400_0008, 0x8400_0009, 0x8400_000A, 0x8400_0012, 0xC400_0012, 0x8000_0000, 0x8000_0001,
        ]
        for base in [0x8400_0000, 0xC400_0000, 0x8000_0000, 0xC000_0000] as [UInt64] {
            for number in 0..<32 as Range<UInt64> {
                // Of SMCCC's functions PSCI_FEATURES reports SMCCC_VERSION alone.
                let isProvided = provided.contains(base | number) && base | number != 0x8000_0001
                #expect(perform(&power, 0x8400_000A, base | number) == result(isProvided ? 0 : -1), "\(base | number)")
                guard !provided.contains(base | number) else { continue }
                #expect(perform(&power, base | number) == result(-1))
            }
        }
        #expect(perform(&power, 0x8000_0001, 0x8000_0000) == result(0))
        #expect(perform(&power, 0x8000_0001, 0x8000_0001) == result(0))
        #expect(perform(&power, 0x8000_0001, 0x8400_0000) == result(-1))
    }

    @Test func anEntryLiesInRAM() {
        for entry in [0x4000_0000, 0x4FFF_FFFC] as [UInt64] {
            var power = PowerController(virtualCPUCount: 2)
            #expect(perform(&power, Self.cpuOn, 1, entry, 9) == .turnOn(target: 1, entry: entry, context: 9))
        }
        var power = PowerController(virtualCPUCount: 2)
        for entry in [0x3FFF_FFFC, 0x5000_0000, 0x4000_0001, 0x4000_0002, 0x4000_0003, 0x5000_0004, 0] as [UInt64] {
            #expect(perform(&power, Self.cpuOn, 1, entry) == result(-9))
        }
        // The function checks the target first.
        #expect(perform(&power, Self.cpuOn, 2, 0) == result(-2))
        #expect(perform(&power, Self.cpuOn, 0, 0) == result(-9))
    }

    /// The levels above 0 are those of the only cluster.
    @Test func affinityLevels() {
        var power = PowerController(virtualCPUCount: 3)
        #expect(perform(&power, Self.affinityInfo, 2, 0) == .resume(1))
        #expect(perform(&power, Self.affinityInfo, 3, 0) == result(-2))
        for level in 1...3 as ClosedRange<UInt64> {
            #expect(perform(&power, Self.affinityInfo, 0xFF, level) == .resume(0))
            #expect(perform(&power, Self.affinityInfo, 1 << (8 * level) - 1, level) == .resume(0))
            #expect(perform(&power, Self.affinityInfo, 1 << (8 * level), level) == result(-2))
        }
        #expect(perform(&power, Self.affinityInfo, 0, 4) == result(-2))
        // The 32-bit form ignores the upper half.
        #expect(perform(&power, 0x8400_0004, 1 << 32 | 1, 1 << 32) == .resume(1))
    }

    /// The answer of each function for a virtual CPU in each state.
    @Test func everyStateOfATarget() {
        var power = PowerController(virtualCPUCount: 2)
        func ask() -> [FirmwareAction] {
            var copy = power
            return [perform(&copy, Self.affinityInfo, 1), perform(&copy, Self.cpuOn, 1, 0x4000_0000)]
        }
        #expect(ask() == [.resume(1), .turnOn(target: 1, entry: 0x4000_0000, context: 0)])
        _ = perform(&power, Self.cpuOn, 1, 0x4000_0000)
        #expect(ask() == [.resume(2), result(-5)])
        _ = power.finishTurningOn(1)
        #expect(ask() == [.resume(0), result(-4)])
        _ = perform(&power, Self.cpuOff, from: 1)
        #expect(ask() == [.resume(0), result(-4)])
        power.finishTurningOff(1)
        #expect(ask() == [.resume(1), .turnOn(target: 1, entry: 0x4000_0000, context: 0)])
    }

    @Test func suspendRefusesEachReservedBit() {
        var power = PowerController(virtualCPUCount: 1)
        for bit in 0..<32 as Range<UInt64> {
            let isReserved = (17...23).contains(bit) || bit >= 26
            #expect(perform(&power, 0x8400_0001, 1 << bit) == result(isReserved ? -2 : 0), "bit \(bit)")
            #expect(perform(&power, 0xC400_0001, 1 << bit) == result(isReserved ? -2 : 0), "bit \(bit)")
        }
    }

    @Test func eachWayToStopStops() {
        let ways: [(UInt64, FirmwareAction)] = [
            (0x8400_0008, .powerOff), (0x8400_0009, .reset), (0x8400_0012, .reset), (0xC400_0012, .reset),
        ]
        for (function, action) in ways {
            var power = PowerController(virtualCPUCount: 2)
            #expect(perform(&power, function) == action)
            #expect(power.machine == .stopping)
            let again = power.beginStopping()
            #expect(!again)
            for (other, _) in ways { #expect(perform(&power, other, from: 1) == .stop) }
            power.finishStarting()
            #expect(power.machine == .stopping)
        }
    }

    /// Only a running machine can begin to stop.
    @Test func nothingButARunningMachineStops() {
        var power = PowerController(virtualCPUCount: 1, machine: .starting)
        var begins = power.beginStopping()
        #expect(!begins)
        power.finishStarting()
        begins = power.beginStopping()
        #expect(begins)
        power.finishStopping()
        begins = power.beginStopping()
        #expect(!begins)
        #expect(power.machine == .off)
    }

    /// The target is turned on while the machine is being stopped, or while the kernel gives it up.
    @Test func aTargetThatDoesNotStartIsOff() {
        var power = PowerController(virtualCPUCount: 3)
        _ = perform(&power, Self.cpuOn, 1, 0x4000_0000)
        _ = perform(&power, Self.cpuOn, 2, 0x4000_0000)
        #expect(!power.isSettled)
        power.abandonTurningOn(2)
        #expect(power.state(of: 2) == .off)
        _ = perform(&power, 0x8400_0008)
        let isOn = power.finishTurningOn(1)
        #expect(!isOn)
        #expect(power.state(of: 1) == .off)
        #expect(power.isSettled)
        // A virtual CPU that was never claimed does not become on.
        let isOnNow = power.finishTurningOn(2)
        #expect(!isOnNow)
        #expect(power.state(of: 2) == .off)
    }

    @Test func onlyWhatIsTurningOffBecomesOff() {
        var power = PowerController(virtualCPUCount: 2)
        power.finishTurningOff(0)
        #expect(power.state(of: 0) == .on)
        _ = perform(&power, Self.cpuOff, from: 0)
        #expect(power.state(of: 0) == .turningOff && !power.mayRun(0) && !power.isSettled)
        power.finishTurningOff(0)
        #expect(power.state(of: 0) == .off && power.isSettled)
    }

    @Test func stoppingTurnsAllOff() {
        var power = PowerController(virtualCPUCount: 8)
        for target in 1..<8 {
            _ = perform(&power, Self.cpuOn, UInt64(target), 0x4000_0000)
            _ = power.finishTurningOn(target)
        }
        #expect((0..<8).allSatisfy { power.mayRun($0) } && !power.mayRun(8))
        _ = perform(&power, 0x8400_0009, from: 7)
        #expect(!(0..<8).contains { power.mayRun($0) })
        power.finishStopping()
        #expect((0..<8).allSatisfy { power.state(of: $0) == .off })
    }

    /// The table of states ends behind the eighth virtual CPU.
    @Test func theEighthVirtualCPUIsTheLast() {
        var power = PowerController(virtualCPUCount: 8)
        #expect(!power.mayRun(8))
        #expect(perform(&power, Self.cpuOn, 8, 0x4000_0000) == result(-2))
        #expect(perform(&power, Self.affinityInfo, 8) == result(-2))
        for target in 1..<8 {
            _ = perform(&power, Self.cpuOn, UInt64(target), 0x4000_0000)
            #expect(!power.isSettled && !power.mayRun(target))
            let isOn = power.finishTurningOn(target)
            #expect(isOn && power.isSettled && power.mayRun(target))
        }
        for caller in [0, 7] {
            #expect(perform(&power, Self.cpuOff, from: caller) == .turnOff)
            #expect(!power.isSettled && !power.mayRun(caller))
            power.finishTurningOff(caller)
            #expect(power.isSettled && power.state(of: caller) == .off)
        }
        // A late end does not turn off a virtual CPU that is on.
        power.finishTurningOff(6)
        #expect(power.state(of: 6) == .on)
        power.finishStopping()
        #expect((0..<8).allSatisfy { power.state(of: $0) == .off } && power.machine == .off)
    }

    /// A claim that does not come through `perform` is refused as well.
    @Test func onlyARunningMachineTurnsOn() {
        for machine in [.starting, .stopping, .off] as [PowerController.MachineState] {
            var power = PowerController(virtualCPUCount: 2, machine: machine)
            let status = power.beginTurningOn(1)
            #expect(status == .denied && power.state(of: 1) == .off)
        }
    }
}
