import ABI
import Testing

@testable import VirtualPlatform

/// Generates the same accesses in every run of a seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

@Suite struct FuzzTests {
    /// Returns an address, mostly of registers that exist, also of their neighbours, and of anything at all.
    private func address(_ generator: inout SeededGenerator) -> UInt64 {
        switch UInt64.random(in: 0..<16, using: &generator) {
        case 0: return generator.next()
        case 1: return PlatformMap.distributor &- 16 &+ generator.next() % 0x1_0020
        case 2...6: return PlatformMap.distributor + generator.next() % 0xE00
        case 7: return PlatformMap.distributor + 0x6100 + generator.next() % 0x300
        case 8: return PlatformMap.redistributors + generator.next() % 0x9_0000
        case 9...11:
            if generator.next() % 4 == 0 { return flashAddress(&generator) }
            return Fixture.redistributor(Int(generator.next() % 5), 0x1_0000 + generator.next() % 0xD00)
        case 12: return PlatformMap.serial &- 8 &+ generator.next() % 0x1010
        case 13: return MachineWatchdog.control &- 8 &+ generator.next() % 0x2010
        case 14:
            if generator.next() % 8 == 0 { return MachinePanic.register + generator.next() % 4 }
            let frame = MachineWatchdog.control + generator.next() % 2 * MachineWatchdog.frameSize
            return frame + generator.next() % 0x20
        default: return PlatformMap.serial + generator.next() % 0x50
        }
    }

    /// Returns an address of flash: in the first words, at either end of the store, or anywhere.
    private func flashAddress(_ generator: inout SeededGenerator) -> UInt64 {
        switch generator.next() % 4 {
        case 0: MachineFlash.variables &- 8 &+ generator.next() % 0x100
        case 1: MachineFlash.variables + MachineFlash.storeSize &- 8 &+ generator.next() % 16
        case 2: MachineFlash.variables + MachineFlash.bankSize &- 8 &+ generator.next() % 16
        default: generator.next() % (2 * MachineFlash.bankSize)
        }
    }

    private func value(_ generator: inout SeededGenerator) -> UInt64 {
        switch generator.next() % 4 {
        case 0: return generator.next() % 4
        case 1: return 1 << (generator.next() % 64)
        case 2: return .max
        default: return generator.next()
        }
    }

    /// Returns a command of flash, for one chip or for both.
    private func flashCommand(_ generator: inout SeededGenerator) -> UInt64 {
        let commands: [UInt64] = [0xFF, 0x40, 0x20, 0xD0, 0x98, 0x90, 0x70, 0x50, 0xE8, 0x60]
        return commands[Int(generator.next() % 10)] &* (generator.next() % 2 == 0 ? 1 : 0x1_0001)
    }

    /// Checks the conditions that must hold after any writes of a guest.
    private func check(_ fixture: inout Fixture, _ step: Int) {
        let lines = [
            (PlatformMap.serialInterrupt, fixture.devices.serial.isInterrupting),
            (InterruptID(Int(MachineWatchdog.interrupt)), fixture.devices.watchdog.isInterrupting),
        ]
        for (interrupt, isHigh) in lines {
            let levels = fixture.environment.virtualCPUs.map { $0.level[1] >> interrupt.place & 1 }
            #expect(levels.reduce(0, +) == (isHigh ? 1 : 0), "step \(step): line \(interrupt) is at \(levels)")
        }
        // A guest that reports without end is reported once.
        let failures = fixture.environment.failures
        #expect([.panicked, .crashLoaded].allSatisfy { kind in failures.filter { $0 == kind }.count <= 1 })
        for word in 1..<4 {
            let enabled = UInt32(fixture.distributor(0x100 + 4 * UInt64(word)))
            var union: UInt32 = 0
            for (number, virtualCPU) in fixture.environment.virtualCPUs.enumerated() {
                #expect(union & virtualCPU.enabled[word] == 0, "step \(step): enabled at two, the second is \(number)")
                union |= virtualCPU.enabled[word]
            }
            #expect(union == enabled, "step \(step), word \(word): the kernel and the distributor disagree")
        }
        for (number, virtualCPU) in fixture.environment.virtualCPUs.enumerated() {
            #expect(fixture.load(Fixture.redistributor(number, 0x1_0100)) == UInt64(virtualCPU.enabled[0]))
            #expect(virtualCPU.edge[0] & 0xFFFF == 0xFFFF)
            #expect(virtualCPU.forwards == (fixture.distributor(0) & 2 != 0))
        }
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8])
    func anyAccessIsSurvived(seed: UInt64) {
        var generator = SeededGenerator(state: seed)
        var fixture = Fixture(virtualCPUs: Int(1 + seed % 4), hasWatchdog: seed % 3 != 0, hasFlash: seed % 2 == 0)
        for step in 0..<20_000 {
            let address = address(&generator)
            let size: UInt64 = 1 << (generator.next() % 4)
            switch generator.next() % 8 {
            case 0...3:
                let isFlash = address < 2 * MachineFlash.bankSize && generator.next() % 2 == 0
                fixture.store(address, isFlash ? flashCommand(&generator) : value(&generator), size: size)
            case 4...6: _ = fixture.load(address, size: size)
            default:
                fixture.environment.room = Int(generator.next() % 40)
                if fixture.environment.input.count < 64 {
                    fixture.environment.input.append(UInt8(truncatingIfNeeded: step))
                }
                fixture.devices.exchange(&fixture.environment)
                fixture.environment.counter &+=
                    generator.next() % (fixture.environment.frequency << (generator.next() % 24))
                let sixteenths = fixture.devices.watch(&fixture.environment)
                #expect(sixteenths.map { (1...16).contains($0) } ?? true)
            }
            if step % 16 == 0 { check(&fixture, step) }
        }
    }

    @Test(arguments: [11, 12, 13, 14])
    func anyFirmwareCallIsSurvived(seed: UInt64) {
        var generator = SeededGenerator(state: seed)
        let ram = MemoryRange(base: 0x4000_0000, size: 0x1000_0000)
        var power = PowerController(virtualCPUCount: 4)
        for _ in 0..<20_000 {
            let functions: [UInt64] = [0x8400_0000, 0xC400_0000, 0x8000_0000, generator.next()]
            let function = functions[Int(generator.next() % 4)] | generator.next() % 0x60
            let call = FirmwareCall(function: function, value(&generator), value(&generator), value(&generator))
            switch power.perform(call, from: 0, ram: GuestBounds(ram)) {
            case .turnOn(let target, let entry, _):
                #expect((1..<4).contains(target))
                #expect(entry &- ram.base < ram.size)
                #expect(power.state(of: target) == .onPending)
                if generator.next() % 2 == 0 { #expect(power.finishTurningOn(target) == true) }
            case .turnOff: power.finishTurningOff(0)
            case .reset, .powerOff: power = PowerController(virtualCPUCount: 4)
            case .resume, .random, .refuse, .identify: continue
            case .stop: Issue.record("nothing was stopping")
            }
        }
    }

    /// Every syndrome decodes to an access that can be performed, or to nothing.
    @Test func anySyndromeIsSurvived() {
        var generator = SeededGenerator(state: 21)
        var fixture = Fixture(virtualCPUs: 2)
        for _ in 0..<50_000 {
            let tag = ExitTag(.memoryAccess, syndrome: generator.next())
            guard
                let access = MemoryAccess(tag: tag, address: address(&generator), value: generator.next())
            else { continue }
            if let loaded = fixture.devices.perform(access, &fixture.environment) { _ = access.registerValue(loaded) }
        }
    }
}
