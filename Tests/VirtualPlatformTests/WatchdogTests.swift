import ABI
import Testing

@testable import VirtualPlatform

@Suite struct WatchdogTests {
    private enum Register {
        static let control = MachineWatchdog.control
        static let offset = MachineWatchdog.control + 0x008
        static let offsetHigh = MachineWatchdog.control + 0x00C
        static let compare = MachineWatchdog.control + 0x010
        static let compareHigh = MachineWatchdog.control + 0x014
        static let identification = MachineWatchdog.control + 0xFCC
        static let refresh = MachineWatchdog.control + 0x1000
        static let refreshIdentification = MachineWatchdog.control + 0x1FCC
    }

    private static let second: UInt64 = 62_500_000

    /// Makes an enabled watchdog with an offset of one second.
    private func running() -> Fixture {
        var fixture = Fixture(hasWatchdog: true)
        fixture.store(Register.offset, Self.second)
        fixture.store(Register.control, 1)
        return fixture
    }

    private func isHigh(_ fixture: Fixture) -> Bool { fixture.environment.virtualCPUs[0].level[1] & 1 << 12 != 0 }

    @Test func onlyAMachineThatWantsOneHasIt() {
        var fixture = Fixture()
        #expect(fixture.load(Register.control) == nil && fixture.load(Register.refresh) == nil)
        #expect(fixture.store(Register.control, 1) == false)
        var other = Fixture(hasWatchdog: true)
        #expect(other.load(Register.control) == 0 && other.load(Register.refresh + 0xFFC) == 0)
        #expect(other.load(Register.control - 4) == nil && other.load(Register.refresh + 0x1000) == nil)
    }

    @Test func identification() {
        var fixture = Fixture(hasWatchdog: true)
        for register in [Register.identification, Register.refreshIdentification] {
            #expect(fixture.load(register) == 0x1_043B)
        }
    }

    @Test func theOffsetHas48Bits() {
        var fixture = Fixture(hasWatchdog: true)
        fixture.store(Register.offset, .max)
        fixture.store(Register.offsetHigh, .max)
        #expect(fixture.load(Register.offset, size: 8) == 0xFFFF_FFFF_FFFF)
        fixture.store(Register.offset, 0x1_0000_0002, size: 8)
        #expect(fixture.load(Register.offset) == 2 && fixture.load(Register.offsetHigh) == 1)
        // A write to each half keeps the other one.
        fixture.store(Register.offset, 3)
        #expect(fixture.load(Register.offset, size: 8) == 0x1_0000_0003)
        fixture.store(Register.compare, 7)
        fixture.store(Register.compareHigh, 9)
        #expect(fixture.load(Register.compare, size: 8) == 0x9_0000_0007)
        // A write to a part of the register has no effect.
        fixture.store(Register.offset, 0xFF, size: 1)
        fixture.store(Register.offset, 0xFF, size: 2)
        fixture.store(Register.compare + 2, .max, size: 4)
        #expect(fixture.load(Register.offset, size: 8) == 0x1_0000_0003 && fixture.load(Register.compare) == 7)
    }

    /// Only WCS.EN can be written.
    @Test func aGuestCannotSetTheSignals() {
        var fixture = Fixture(hasWatchdog: true)
        fixture.store(Register.control, .max)
        #expect(fixture.load(Register.control) == 1 && !isHigh(fixture) && fixture.environment.failures == [])
        fixture.store(Register.control, 0xFFFF_FFFE)
        #expect(fixture.load(Register.control) == 0)
    }

    @Test func theFirstStageInterruptsAndTheSecondEndsTheMachine() {
        var fixture = running()
        let start = fixture.environment.counter
        #expect(fixture.load(Register.compare, size: 8) == start + Self.second)
        fixture.environment.counter = start + Self.second
        #expect(fixture.load(Register.control) == 1 && !isHigh(fixture))
        fixture.environment.counter += 1
        #expect(fixture.load(Register.control) == 3 && isHigh(fixture) && fixture.environment.failures == [])
        #expect(fixture.load(Register.compare, size: 8) == fixture.environment.counter + Self.second)
        fixture.environment.counter += Self.second
        #expect(fixture.load(Register.control) == 3 && fixture.environment.failures == [])
        fixture.environment.counter += 1
        #expect(fixture.load(Register.control) == 7 && isHigh(fixture) && fixture.environment.failures == [.hangs])
        // The watchdog has finished, so it reports nothing twice.
        fixture.environment.counter += 10 * Self.second
        #expect(fixture.load(Register.control) == 7 && fixture.devices.watch(&fixture.environment) != 16)
        #expect(fixture.environment.failures == [.hangs])
    }

    /// A late look does not take the second stage from the guest.
    @Test func aLateLookBeginsTheSecondStage() {
        var fixture = running()
        fixture.environment.counter += 100 * Self.second
        _ = fixture.devices.watch(&fixture.environment)
        #expect(isHigh(fixture) && fixture.environment.failures == [])
        fixture.environment.counter += Self.second
        _ = fixture.devices.watch(&fixture.environment)
        #expect(fixture.environment.failures == [])
    }

    /// A write of any value to WRR, WOR or WCS refreshes; one to WCV does not.
    @Test func refreshes() {
        for (register, value, refreshes) in [
            (Register.refresh, 0, true), (Register.refresh, 5, true), (Register.offset, Self.second, true),
            (Register.offsetHigh, 0, true), (Register.control, 1, true), (Register.compareHigh, 0x100, false),
            (Register.identification, 0, false), (Register.refresh + 8, 0, false), (Register.refresh + 2, 0, false),
        ] as [(UInt64, UInt64, Bool)] {
            var fixture = running()
            fixture.environment.counter += Self.second + 1
            _ = fixture.devices.watch(&fixture.environment)
            #expect(isHigh(fixture))
            fixture.environment.counter += 3
            fixture.store(register, value)
            #expect(isHigh(fixture) != refreshes, "\(register)")
            let compare = fixture.load(Register.compare, size: 8)
            #expect((compare == fixture.environment.counter + Self.second) == refreshes, "\(register)")
        }
    }

    @Test func aGuestThatAnswersLives() {
        var fixture = running()
        for _ in 0..<100 {
            fixture.environment.counter += Self.second * 3 / 2
            _ = fixture.devices.watch(&fixture.environment)
            fixture.store(Register.refresh, 0)
        }
        #expect(fixture.environment.failures == [] && !isHigh(fixture))
        fixture.store(Register.control, 0)
        fixture.environment.counter += 100 * Self.second
        _ = fixture.devices.watch(&fixture.environment)
        _ = fixture.devices.watch(&fixture.environment)
        #expect(
            fixture.devices.watch(&fixture.environment) == nil && fixture.environment.failures == [] && !isHigh(fixture)
        )
    }

    /// The environment looks in time without an access of the guest, and at most 16 times per second.
    @Test func theHostLooksInTime() {
        var fixture = running()
        #expect(fixture.environment.watches == 1)
        let start = fixture.environment.counter
        var looks = 0
        while let sixteenths = fixture.devices.watch(&fixture.environment), looks < 100 {
            fixture.environment.counter += sixteenths * Self.second / 16
            looks += 1
        }
        #expect(fixture.environment.failures == [.hangs])
        let passed = fixture.environment.counter - start
        #expect(passed > 2 * Self.second && passed <= 2 * Self.second + Self.second / 4 && looks < 34)
        #expect(fixture.environment.watches == 1)
    }

    /// Deadlines lie in the past, at the end of the counter, or have no length.
    @Test func strangeDeadlines() {
        for compare in [0, 1, .max - 1, .max] as [UInt64] {
            for counter in [0, 1, 1 << 40, .max - 1, .max] as [UInt64] {
                for offset in [0, 1, .max] as [UInt64] {
                    for frequency in [1, 1000, 62_500_000, 1 << 32] as [UInt64] {
                        var fixture = Fixture(hasWatchdog: true)
                        (fixture.environment.counter, fixture.environment.frequency) = (counter, frequency)
                        fixture.store(Register.offset, offset, size: 8)
                        fixture.store(Register.control, 1)
                        fixture.store(Register.compare, compare, size: 8)
                        for _ in 0..<4 {
                            let sixteenths = fixture.devices.watch(&fixture.environment)
                            #expect(sixteenths.map { (1...16).contains($0) } ?? true)
                        }
                        #expect(fixture.environment.failures.count <= 1)
                    }
                }
            }
        }
    }

    @Test func aResetOfTheMachineTurnsItOff() {
        var fixture = running()
        fixture.environment.counter += Self.second + 1
        _ = fixture.devices.watch(&fixture.environment)
        fixture.reset()
        #expect(fixture.load(Register.control) == 0 && fixture.load(Register.offset) == 0 && !isHigh(fixture))
        #expect(fixture.devices.watch(&fixture.environment) == nil)
    }
}

@Suite struct PanicDeviceTests {
    @Test func itKnowsTwoEvents() {
        var fixture = Fixture()
        for size in [1, 2, 4, 8] as [UInt64] { #expect(fixture.load(MachinePanic.register, size: size) == 3) }
        #expect(fixture.load(MachinePanic.register + 1, size: 1) == 0 && fixture.load(MachinePanic.register + 2) == nil)
    }

    @Test(
        arguments: [
            (0, []), (1, [.panicked]), (2, [.crashLoaded]), (3, [.panicked, .crashLoaded]), (0xFC, []),
            (0x101, [.panicked]), (.max, [.panicked, .crashLoaded]),
        ] as [(UInt64, [MachineFailure])])
    func eventsAreReported(value: UInt64, failures: [MachineFailure]) {
        var fixture = Fixture()
        fixture.store(MachinePanic.register, value)
        #expect(fixture.environment.failures == failures)
        // Once.
        fixture.store(MachinePanic.register, value, size: 1)
        #expect(fixture.environment.failures == failures && fixture.load(MachinePanic.register, size: 1) == 3)
        fixture.reset()
        fixture.store(MachinePanic.register, value, size: 1)
        #expect(fixture.environment.failures == failures + failures)
    }

    @Test func otherBytesAreNoRegister() {
        var fixture = Fixture()
        #expect(fixture.store(MachinePanic.register + 1, 1, size: 1) == true)
        #expect(fixture.store(MachinePanic.register + 2, 1, size: 1) == false)
        #expect(fixture.environment.failures == [])
    }
}
