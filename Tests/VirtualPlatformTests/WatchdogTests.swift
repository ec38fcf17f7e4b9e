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

    /// A watchdog with an offset of one second, enabled.
    private func running() -> Bench {
        var bench = Bench(hasWatchdog: true)
        bench.store(Register.offset, Self.second)
        bench.store(Register.control, 1)
        return bench
    }

    private func isHigh(_ bench: Bench) -> Bool { bench.host.virtualCPUs[0].level[1] & 1 << 12 != 0 }

    @Test func onlyAMachineThatWantsOneHasIt() {
        var bench = Bench()
        #expect(bench.load(Register.control) == nil && bench.load(Register.refresh) == nil)
        #expect(bench.store(Register.control, 1) == false)
        var other = Bench(hasWatchdog: true)
        #expect(other.load(Register.control) == 0 && other.load(Register.refresh + 0xFFC) == 0)
        #expect(other.load(Register.control - 4) == nil && other.load(Register.refresh + 0x1000) == nil)
    }

    @Test func identification() {
        var bench = Bench(hasWatchdog: true)
        for register in [Register.identification, Register.refreshIdentification] {
            #expect(bench.load(register) == 0x1_043B)
        }
    }

    @Test func theOffsetHas48Bits() {
        var bench = Bench(hasWatchdog: true)
        bench.store(Register.offset, .max)
        bench.store(Register.offsetHigh, .max)
        #expect(bench.load(Register.offset, size: 8) == 0xFFFF_FFFF_FFFF)
        bench.store(Register.offset, 0x1_0000_0002, size: 8)
        #expect(bench.load(Register.offset) == 2 && bench.load(Register.offsetHigh) == 1)
        // Each half keeps the other.
        bench.store(Register.offset, 3)
        #expect(bench.load(Register.offset, size: 8) == 0x1_0000_0003)
        bench.store(Register.compare, 7)
        bench.store(Register.compareHigh, 9)
        #expect(bench.load(Register.compare, size: 8) == 0x9_0000_0007)
        // Part of a register writes nothing.
        bench.store(Register.offset, 0xFF, size: 1)
        bench.store(Register.offset, 0xFF, size: 2)
        bench.store(Register.compare + 2, .max, size: 4)
        #expect(bench.load(Register.offset, size: 8) == 0x1_0000_0003 && bench.load(Register.compare) == 7)
    }

    /// WCS.EN alone can be written.
    @Test func aGuestCannotSetTheSignals() {
        var bench = Bench(hasWatchdog: true)
        bench.store(Register.control, .max)
        #expect(bench.load(Register.control) == 1 && !isHigh(bench) && bench.host.failures == [])
        bench.store(Register.control, 0xFFFF_FFFE)
        #expect(bench.load(Register.control) == 0)
    }

    @Test func theFirstStageInterruptsAndTheSecondEndsTheMachine() {
        var bench = running()
        let start = bench.host.counter
        #expect(bench.load(Register.compare, size: 8) == start + Self.second)
        bench.host.counter = start + Self.second
        #expect(bench.load(Register.control) == 1 && !isHigh(bench))
        bench.host.counter += 1
        #expect(bench.load(Register.control) == 3 && isHigh(bench) && bench.host.failures == [])
        #expect(bench.load(Register.compare, size: 8) == bench.host.counter + Self.second)
        bench.host.counter += Self.second
        #expect(bench.load(Register.control) == 3 && bench.host.failures == [])
        bench.host.counter += 1
        #expect(bench.load(Register.control) == 7 && isHigh(bench) && bench.host.failures == [.hangs])
        // It is over: nothing is reported twice.
        bench.host.counter += 10 * Self.second
        #expect(bench.load(Register.control) == 7 && bench.devices.watch(&bench.host) != 16)
        #expect(bench.host.failures == [.hangs])
    }

    /// A look that comes late does not take the second stage from the guest.
    @Test func aLateLookBeginsTheSecondStage() {
        var bench = running()
        bench.host.counter += 100 * Self.second
        _ = bench.devices.watch(&bench.host)
        #expect(isHigh(bench) && bench.host.failures == [])
        bench.host.counter += Self.second
        _ = bench.devices.watch(&bench.host)
        #expect(bench.host.failures == [])
    }

    /// WRR, WOR and WCS refresh, whatever is written; WCV does not.
    @Test func refreshes() {
        for (register, value, refreshes) in [
            (Register.refresh, 0, true), (Register.refresh, 5, true), (Register.offset, Self.second, true),
            (Register.offsetHigh, 0, true), (Register.control, 1, true), (Register.compareHigh, 0x100, false),
            (Register.identification, 0, false), (Register.refresh + 8, 0, false), (Register.refresh + 2, 0, false),
        ] as [(UInt64, UInt64, Bool)] {
            var bench = running()
            bench.host.counter += Self.second + 1
            _ = bench.devices.watch(&bench.host)
            #expect(isHigh(bench))
            bench.host.counter += 3
            bench.store(register, value)
            #expect(isHigh(bench) != refreshes, "\(register)")
            let compare = bench.load(Register.compare, size: 8)
            #expect((compare == bench.host.counter + Self.second) == refreshes, "\(register)")
        }
    }

    @Test func aGuestThatAnswersLives() {
        var bench = running()
        for _ in 0..<100 {
            bench.host.counter += Self.second * 3 / 2
            _ = bench.devices.watch(&bench.host)
            bench.store(Register.refresh, 0)
        }
        #expect(bench.host.failures == [] && !isHigh(bench))
        bench.store(Register.control, 0)
        bench.host.counter += 100 * Self.second
        _ = bench.devices.watch(&bench.host)
        _ = bench.devices.watch(&bench.host)
        #expect(bench.devices.watch(&bench.host) == nil && bench.host.failures == [] && !isHigh(bench))
    }

    /// The host looks in time without an access of the guest's, and not more often than 16 times a second.
    @Test func theHostLooksInTime() {
        var bench = running()
        #expect(bench.host.watches == 1)
        let start = bench.host.counter
        var looks = 0
        while let sixteenths = bench.devices.watch(&bench.host), looks < 100 {
            bench.host.counter += sixteenths * Self.second / 16
            looks += 1
        }
        #expect(bench.host.failures == [.hangs])
        let passed = bench.host.counter - start
        #expect(passed > 2 * Self.second && passed <= 2 * Self.second + Self.second / 4 && looks < 34)
        #expect(bench.host.watches == 1)
    }

    /// Deadlines in the past, at the end of the counter, and of no length.
    @Test func strangeDeadlines() {
        for compare in [0, 1, .max - 1, .max] as [UInt64] {
            for counter in [0, 1, 1 << 40, .max - 1, .max] as [UInt64] {
                for offset in [0, 1, .max] as [UInt64] {
                    for frequency in [1, 1000, 62_500_000, 1 << 32] as [UInt64] {
                        var bench = Bench(hasWatchdog: true)
                        (bench.host.counter, bench.host.frequency) = (counter, frequency)
                        bench.store(Register.offset, offset, size: 8)
                        bench.store(Register.control, 1)
                        bench.store(Register.compare, compare, size: 8)
                        for _ in 0..<4 {
                            let sixteenths = bench.devices.watch(&bench.host)
                            #expect(sixteenths.map { (1...16).contains($0) } ?? true)
                        }
                        #expect(bench.host.failures.count <= 1)
                    }
                }
            }
        }
    }

    @Test func aResetOfTheMachineTurnsItOff() {
        var bench = running()
        bench.host.counter += Self.second + 1
        _ = bench.devices.watch(&bench.host)
        bench.reset()
        #expect(bench.load(Register.control) == 0 && bench.load(Register.offset) == 0 && !isHigh(bench))
        #expect(bench.devices.watch(&bench.host) == nil)
    }
}

@Suite struct PanicDeviceTests {
    @Test func itKnowsTwoEvents() {
        var bench = Bench()
        for size in [1, 2, 4, 8] as [UInt64] { #expect(bench.load(MachinePanic.register, size: size) == 3) }
        #expect(bench.load(MachinePanic.register + 1, size: 1) == 0 && bench.load(MachinePanic.register + 2) == nil)
    }

    @Test(
        arguments: [
            (0, []), (1, [.panicked]), (2, [.crashLoaded]), (3, [.panicked, .crashLoaded]), (0xFC, []),
            (0x101, [.panicked]), (.max, [.panicked, .crashLoaded]),
        ] as [(UInt64, [MachineFailure])])
    func eventsAreReported(value: UInt64, failures: [MachineFailure]) {
        var bench = Bench()
        bench.store(MachinePanic.register, value)
        #expect(bench.host.failures == failures)
        // Once.
        bench.store(MachinePanic.register, value, size: 1)
        #expect(bench.host.failures == failures && bench.load(MachinePanic.register, size: 1) == 3)
        bench.reset()
        bench.store(MachinePanic.register, value, size: 1)
        #expect(bench.host.failures == failures + failures)
    }

    @Test func otherBytesAreNoRegister() {
        var bench = Bench()
        #expect(bench.store(MachinePanic.register + 1, 1, size: 1) == true)
        #expect(bench.store(MachinePanic.register + 2, 1, size: 1) == false)
        #expect(bench.host.failures == [])
    }
}
