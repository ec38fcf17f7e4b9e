import Testing

@testable import VirtualPlatform

@Suite struct DistributorTests {
    @Test func saysWhatItIs() {
        var fixture = Fixture()
        #expect(fixture.distributor(0x0000) == 0x50)
        #expect(fixture.distributor(0x0004) & 0x1F == 3)
        #expect(fixture.distributor(0x0004) >> 10 & 1 == 0)
        #expect(fixture.distributor(0xFFE8) >> 4 & 0xF == 3)
    }

    @Test func groupOneIsForwardedByEveryVirtualCPU() {
        var fixture = Fixture(virtualCPUs: 3)
        fixture.setDistributor(0, 0x12)
        #expect(fixture.distributor(0) == 0x52)
        #expect(fixture.environment.virtualCPUs.allSatisfy { $0.forwards })
        let before = fixture.environment.controls
        fixture.setDistributor(0, 0x13)
        #expect(fixture.environment.controls == before)
        fixture.setDistributor(0, 0)
        #expect(!fixture.environment.virtualCPUs.contains { $0.forwards })
    }

    @Test func enablingReachesTheKernelOnce() {
        var fixture = Fixture()
        fixture.setDistributor(0x104, 0b10)
        #expect(fixture.environment.virtualCPUs[0].enabled[1] == 0b10)
        #expect(fixture.distributor(0x104) == 0b10)
        #expect(fixture.distributor(0x184) == 0b10)
        let before = fixture.environment.controls
        fixture.setDistributor(0x104, 0b10)
        #expect(fixture.environment.controls == before)
        fixture.setDistributor(0x184, 0b11)
        #expect(fixture.environment.virtualCPUs[0].enabled[1] == 0)
        #expect(fixture.distributor(0x104) == 0)
    }

    @Test func pendingAndActiveAreTheKernels() {
        var fixture = Fixture()
        fixture.setDistributor(0x204, 0x30)
        fixture.setDistributor(0x304, 0x40)
        #expect(fixture.environment.virtualCPUs[0].latched[1] == 0x30)
        #expect(fixture.distributor(0x284) == 0x30)
        #expect(fixture.distributor(0x384) == 0x40)
        fixture.environment.virtualCPUs[0].latched[1] = 0x10
        #expect(fixture.distributor(0x204) == 0x10)
        fixture.setDistributor(0x284, 0x10)
        fixture.setDistributor(0x384, 0x40)
        #expect(fixture.environment.virtualCPUs[0].latched[1] == 0)
        #expect(fixture.environment.virtualCPUs[0].active[1] == 0)
    }

    @Test func prioritiesHaveFiveBitsAndByteAccess() {
        var fixture = Fixture()
        fixture.setDistributor(0x420, 0xFF80_A1C0)
        #expect(fixture.distributor(0x420) == 0xF880_A0C0)
        fixture.setDistributor(0x421, 0x18, size: 1)
        #expect(fixture.distributor(0x420) == 0xF880_18C0)
        #expect(fixture.distributor(0x423, size: 1) == 0xF8)
        #expect(fixture.distributor(0x422, size: 2) == 0xF880)
        #expect(Array(fixture.environment.virtualCPUs[0].priorities[32..<36]) == [0xC0, 0x18, 0x80, 0xF8])
    }

    @Test func triggersAreToldToEveryVirtualCPU() {
        var fixture = Fixture(virtualCPUs: 2)
        // INTIDs 48…63: 49 and 63 edge-triggered; the lower bits of the pairs are reserved.
        fixture.setDistributor(0xC0C, 0xC000_0008 | 0x1)
        #expect(fixture.distributor(0xC0C) == 0x8000_0008)
        #expect(fixture.environment.virtualCPUs.allSatisfy { $0.edge[1] == 0x8002_0000 })
        fixture.setDistributor(0xC0C, 0, size: 1)
        #expect(fixture.distributor(0xC0C) == 0x8000_0000)
    }

    @Test func groupsAreKept() {
        var fixture = Fixture()
        fixture.setDistributor(0x84, 0xFFFF_FFFF)
        fixture.setDistributor(0x85, 0, size: 1)
        #expect(fixture.distributor(0x84) == 0xFFFF_00FF)
    }

    @Test func wordZeroAndReservedRegistersReadAsZero() {
        var fixture = Fixture()
        for offset: UInt64 in [
            0x80, 0x100, 0x110, 0x200, 0x400, 0x41C, 0x480, 0x800, 0xC00, 0xC04, 0xF00, 0x6000, 0x6400,
        ] {
            fixture.setDistributor(offset, 0xFFFF_FFFF)
            #expect(fixture.distributor(offset) == 0, "offset \(offset)")
        }
        #expect(fixture.environment.virtualCPUs[0] == Fixture().environment.virtualCPUs[0])
    }

    /// The layout of registers provides for 1020 INTIDs and more. Registers of missing INTIDs do not stand for others.
    @Test func registersOfInterruptsThatDoNotExistDoNothing() {
        var fixture = Fixture(virtualCPUs: 2)
        let before = fixture.environment
        for offset in stride(from: 0x80, to: 0x6000, by: 4) as StrideTo<UInt64> {
            let word: UInt64? =
                switch offset {
                case 0x80..<0x400: offset >> 2 & 31
                case 0x400..<0x800: (offset - 0x400) >> 5
                case 0xC00..<0xD00: (offset - 0xC00) >> 3
                default: nil
                }
            if let word, (1...3).contains(word) { continue }
            fixture.setDistributor(offset, 0xFFFF_FFFF)
            #expect(fixture.distributor(offset) == 0, "offset \(offset)")
        }
        #expect(
            fixture.environment.controls == before.controls && fixture.environment.virtualCPUs == before.virtualCPUs)
    }

    @Test func misalignedAccessesDoNothing() {
        var fixture = Fixture()
        fixture.setDistributor(0x102, 0xFFFF_FFFF)
        fixture.setDistributor(0x104, 0xFFFF_FFFF_FFFF_FFFF, size: 8)
        #expect(fixture.distributor(0x101, size: 2) == 0)
        #expect(fixture.environment.virtualCPUs[0].enabled == [0, 0, 0, 0])
        fixture.setDistributor(0x108, 0xFFFF_FFFF_FFFF_FFFF, size: 8)
        #expect(fixture.distributor(0x108, size: 8) == .max)
        #expect(fixture.environment.virtualCPUs[0].enabled == [0, 0, .max, .max])
    }
}

@Suite struct RoutingTests {
    /// Makes a machine with SPI 40 enabled, with a priority, at virtual CPU 0 of four.
    private func fixture() -> Fixture {
        var fixture = Fixture(virtualCPUs: 4)
        fixture.setDistributor(0x428, 0xA0, size: 1)
        fixture.setDistributor(0x104, 1 << 8)
        return fixture
    }

    @Test func routesAreKeptInBothHalves() {
        var fixture = fixture()
        fixture.setDistributor(0x6140, 0xFFFF_FFFF_FFFF_FFFF, size: 8)
        #expect(fixture.distributor(0x6140, size: 8) == 0xFF_00FF_FFFF)
        fixture.setDistributor(0x6144, 0)
        #expect(fixture.distributor(0x6140, size: 8) == 0x00FF_FFFF)
        fixture.setDistributor(0x6140, 2)
        #expect(fixture.distributor(0x6140, size: 8) == 2)
        #expect(fixture.environment.virtualCPUs[2].enabled[1] == 1 << 8)
    }

    @Test func configurationMoves() {
        var fixture = fixture()
        fixture.route(40, to: 3)
        #expect(fixture.environment.virtualCPUs[0].enabled[1] == 0)
        #expect(fixture.environment.virtualCPUs[3].enabled[1] == 1 << 8)
        #expect(fixture.environment.virtualCPUs[3].priorities[40] == 0xA0)
        #expect(fixture.distributor(0x104) == 1 << 8)
        fixture.setDistributor(0x184, 1 << 8)
        #expect(fixture.environment.virtualCPUs[3].enabled[1] == 0)
        fixture.setDistributor(0x428, 0x50, size: 1)
        #expect(fixture.environment.virtualCPUs[3].priorities[40] == 0x50)
    }

    /// The kernel delivers these to virtual CPU 0, by notifications that nobody rebinds.
    @Test(arguments: [(48, true), (55, true), (56, false), (79, false), (80, true), (87, true), (88, false)])
    func interruptsOfTheKernelStayWhereItPendsThem(_ interrupt: UInt64, stays: Bool) {
        var fixture = fixture()
        let (word, bit) = (Int(interrupt / 32), UInt32(1) << UInt32(interrupt % 32))
        fixture.setDistributor(0x100 + UInt64(word) * 4, UInt64(bit))
        fixture.route(interrupt, to: 1)
        #expect(fixture.environment.virtualCPUs[0].enabled[word] & bit == (stays ? bit : 0))
        #expect(fixture.environment.virtualCPUs[1].enabled[word] & bit == (stays ? 0 : bit))
        #expect(fixture.distributor(0x6000 + interrupt * 8, size: 8) == 1)
    }

    @Test func aLatchedInterruptMovesOnce() {
        var fixture = fixture()
        fixture.setDistributor(0xC08, 2 << 16)
        fixture.setDistributor(0x204, 1 << 8)
        fixture.route(40, to: 1)
        #expect(fixture.environment.virtualCPUs[0].latched[1] == 0)
        #expect(fixture.environment.virtualCPUs[1].latched[1] == 1 << 8)
        #expect(fixture.distributor(0x204) == 1 << 8)
    }

    @Test func aHighLineMovesAndIsNotLatched() {
        var fixture = fixture()
        fixture.devices.interrupts.setLine(InterruptID(40), high: true, &fixture.environment)
        #expect(fixture.environment.virtualCPUs[0].level[1] == 1 << 8)
        fixture.route(40, to: 1)
        #expect(fixture.environment.virtualCPUs[0].pending(1) == 0)
        #expect(fixture.environment.virtualCPUs[1].level[1] == 1 << 8)
        #expect(fixture.environment.virtualCPUs[1].latched[1] == 0)
        fixture.devices.interrupts.setLine(InterruptID(40), high: false, &fixture.environment)
        #expect(fixture.environment.virtualCPUs[1].pending(1) == 0)
    }

    /// The interrupt is pending by ISPENDR while its line is high. The line may fall before it is taken at its new
    /// place.
    @Test func aLatchBelowAHighLineMovesAlong() {
        var fixture = fixture()
        fixture.devices.interrupts.setLine(InterruptID(40), high: true, &fixture.environment)
        fixture.setDistributor(0x204, 1 << 8)
        fixture.route(40, to: 1)
        #expect(fixture.environment.virtualCPUs[0].latched[1] == 0)
        fixture.devices.interrupts.setLine(InterruptID(40), high: false, &fixture.environment)
        #expect(fixture.environment.virtualCPUs[1].pending(1) == 1 << 8)
    }

    /// The line of an edge-triggered interrupt does not rise because the interrupt is routed, or its virtual CPU reset.
    @Test func anEdgeThatWasTakenDoesNotComeAgain() {
        var fixture = fixture()
        fixture.setDistributor(0xC08, 2 << 16)
        fixture.devices.interrupts.setLine(InterruptID(40), high: true, &fixture.environment)
        #expect(fixture.environment.virtualCPUs[0].latched[1] == 1 << 8)
        fixture.environment.virtualCPUs[0].latched[1] = 0
        fixture.route(40, to: 1)
        #expect(fixture.environment.virtualCPUs[1].level[1] == 1 << 8)
        #expect(fixture.environment.virtualCPUs[1].pending(1) == 0)
        let latched = fixture.devices.interrupts.latched(at: 1, &fixture.environment)
        fixture.environment.virtualCPUs[1] = FakeEnvironment.Interrupts()
        fixture.devices.interrupts.restore(1, latched, &fixture.environment)
        #expect(fixture.environment.virtualCPUs[1].level[1] == 1 << 8)
        #expect(fixture.environment.virtualCPUs[1].pending(1) == 0)
    }

    @Test func anActiveInterruptStaysActiveWhereItWasTaken() {
        var fixture = fixture()
        fixture.environment.virtualCPUs[0].active[1] = 1 << 8
        fixture.route(40, to: 2)
        #expect(fixture.environment.virtualCPUs[0].active[1] == 1 << 8)
        #expect(fixture.environment.virtualCPUs[2].active[1] == 0)
        #expect(fixture.distributor(0x304) == 1 << 8)
        fixture.setDistributor(0x384, 1 << 8)
        #expect(fixture.environment.virtualCPUs[0].active[1] == 0)
    }

    /// The virtual CPU keeps none of the word's interrupts any more, but one of them is active there.
    @Test func anActiveInterruptIsFoundThoughAllWereRoutedAway() {
        var fixture = fixture()
        fixture.setDistributor(0x304, 1 << 8)
        for interrupt in 32..<64 as Range<UInt64> { fixture.route(interrupt, to: 2) }
        #expect(fixture.distributor(0x304) == 1 << 8)
        fixture.setDistributor(0x384, 1 << 8)
        #expect(fixture.environment.virtualCPUs[0].active[1] == 0)
    }

    /// Each change tells the kernel no more than it does not know yet.
    @Test func aWriteWithoutEffectIsNotTold() {
        var fixture = fixture()
        func controls(_ body: (inout Fixture) -> Void) -> Int {
            let before = fixture.environment.controls
            body(&fixture)
            return fixture.environment.controls - before
        }
        #expect(controls { $0.setDistributor(0x428, 0xA7, size: 1) } == 0)
        #expect(controls { $0.setDistributor(0x428, 0xA8, size: 1) } == 1)
        #expect(controls { $0.setDistributor(0xC08, 1 << 16) } == 0)
        #expect(controls { $0.setDistributor(0xC08, 2 << 16) } == 4)
        #expect(controls { $0.route(40, to: 0) } == 0)
        #expect(controls { $0.route(41, to: 1) } == 1)
        #expect(controls { $0.route(40, to: 1) } == 3)
        #expect(controls { $0.setDistributor(0x184, 0) } == 0)
        #expect(controls { $0.setDistributor(0x284, 0) } == 0)
        #expect(controls { $0.setDistributor(0x384, 0) } == 0)
        #expect(controls { $0.devices.interrupts.setLine(InterruptID(40), high: false, &$0.environment) } == 0)
    }

    /// A reset virtual CPU gets back the interrupts that it keeps, but no pending state of others.
    @Test func onlyTheVirtualCPUsOwnLatchesAreRestored() {
        var fixture = fixture()
        fixture.route(41, to: 1)
        fixture.environment.virtualCPUs[1].latched[1] = 1 << 8 | 1 << 9 | 1 << 20
        fixture.environment.virtualCPUs[1].latched[0] = 1 << 20
        let latched = fixture.devices.interrupts.latched(at: 1, &fixture.environment)
        fixture.environment.virtualCPUs[1] = FakeEnvironment.Interrupts()
        fixture.devices.interrupts.restore(1, latched, &fixture.environment)
        #expect(fixture.environment.virtualCPUs[1].latched == [1 << 20, 1 << 9, 0, 0])
    }

    /// Each shared interrupt's configuration goes to the virtual CPU that keeps it.
    @Test func everyVirtualCPUMayKeepAnInterrupt() {
        var fixture = Fixture(virtualCPUs: 8)
        for number in (0..<8).reversed() as ReversedCollection<Range<Int>> {
            fixture.route(40, to: UInt64(number))
            fixture.setDistributor(0x428, UInt64(8 * (number + 1)), size: 1)
            fixture.setDistributor(0x204, 1 << 8)
            #expect(fixture.distributor(0x204) == 1 << 8)
            #expect(fixture.environment.virtualCPUs.map { $0.latched[1] } == (0..<8).map { $0 == number ? 1 << 8 : 0 })
            #expect(fixture.environment.virtualCPUs[number].priorities[40] == UInt8(8 * (number + 1)))
            fixture.devices.interrupts.setLine(InterruptID(40), high: true, &fixture.environment)
            #expect(fixture.environment.virtualCPUs.map { $0.level[1] } == (0..<8).map { $0 == number ? 1 << 8 : 0 })
            fixture.devices.interrupts.setLine(InterruptID(40), high: false, &fixture.environment)
            fixture.setDistributor(0x284, 1 << 8)
        }
    }

    @Test func anUnknownAffinityLeavesItWhereItIs() {
        var fixture = fixture()
        fixture.route(40, to: 1)
        fixture.route(40, to: 7)
        #expect(fixture.environment.virtualCPUs[1].enabled[1] == 1 << 8)
        #expect(fixture.distributor(0x6140, size: 8) == 7)
    }

    /// A virtual CPU that was turned off and on finds its interrupts as they were, although the kernel forgot them.
    @Test func restoreBringsBackWhatAResetLost() {
        var fixture = fixture()
        fixture.setDistributor(0, 2)
        fixture.setDistributor(0xC08, 2 << 18)
        fixture.route(40, to: 1)
        fixture.route(41, to: 1)
        fixture.setDistributor(0x204, 1 << 9)
        fixture.devices.interrupts.setLine(InterruptID(40), high: true, &fixture.environment)
        fixture.store(Fixture.redistributor(1, 0x1_0100), 1 << 27 | 1)
        fixture.store(Fixture.redistributor(1, 0x1_041B), 0x80, size: 1)
        fixture.store(Fixture.redistributor(1, 0x1_0200), 1)

        let before = fixture.environment.virtualCPUs[1]
        let latched = fixture.devices.interrupts.latched(at: 1, &fixture.environment)
        fixture.environment.virtualCPUs[1] = FakeEnvironment.Interrupts()
        fixture.devices.interrupts.restore(1, latched, &fixture.environment)
        #expect(fixture.environment.virtualCPUs[1] == before)
        #expect(before.latched == [1, 1 << 9, 0, 0])
    }
}
