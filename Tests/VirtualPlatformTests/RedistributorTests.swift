import Testing

@testable import VirtualPlatform

@Suite struct RedistributorTests {
    @Test func typeTellsNumberAffinityAndTheLast() {
        var fixture = Fixture(virtualCPUs: 3)
        for number in 0..<3 {
            let type = fixture.load(Fixture.redistributor(number, 8), size: 8)!
            #expect(type >> 32 == UInt64(number))
            #expect(type >> 8 & 0xFFFF == UInt64(number))
            #expect(type >> 4 & 1 == (number == 2 ? 1 : 0))
            #expect(type & 1 == 0)
            #expect(fixture.load(Fixture.redistributor(number, 0xFFE8))! >> 4 & 0xF == 3)
        }
        #expect(fixture.load(Fixture.redistributor(3, 8)) == nil)
        #expect(fixture.store(Fixture.redistributor(3, 0x1_0100), 1) == false)
        #expect(fixture.load(PlatformMap.redistributors - 4) == nil)
    }

    @Test func childrenSleepAsTheProcessorDoes() {
        var fixture = Fixture()
        #expect(fixture.load(Fixture.redistributor(0, 0x14)) == 0b110)
        fixture.store(Fixture.redistributor(0, 0x14), 0)
        #expect(fixture.load(Fixture.redistributor(0, 0x14)) == 0)
        fixture.store(Fixture.redistributor(0, 0x14), 0b010)
        #expect(fixture.load(Fixture.redistributor(0, 0x14)) == 0b110)
        // Its other bytes are reserved.
        fixture.store(Fixture.redistributor(0, 0x15), 0, size: 1)
        fixture.store(Fixture.redistributor(0, 0x16), 0, size: 2)
        #expect(fixture.load(Fixture.redistributor(0, 0x14)) == 0b110)
    }

    @Test func privateInterruptsAreTheirVirtualCPUs() {
        var fixture = Fixture(virtualCPUs: 2)
        fixture.store(Fixture.redistributor(1, 0x1_0100), 1 << 27)
        #expect(fixture.environment.virtualCPUs[1].enabled[0] == 1 << 27)
        #expect(fixture.environment.virtualCPUs[0].enabled[0] == 0)
        #expect(fixture.load(Fixture.redistributor(1, 0x1_0180)) == 1 << 27)
        #expect(fixture.load(Fixture.redistributor(0, 0x1_0180)) == 0)
        fixture.store(Fixture.redistributor(1, 0x1_0418), 0x8000_0000)
        #expect(fixture.environment.virtualCPUs[1].priorities[27] == 0x80)
        fixture.store(Fixture.redistributor(1, 0x1_0300), 1 << 27)
        #expect(fixture.environment.virtualCPUs[1].active[0] == 1 << 27)
        #expect(fixture.load(Fixture.redistributor(1, 0x1_0380)) == 1 << 27)
        fixture.store(Fixture.redistributor(1, 0x1_0380), 1 << 27)
        #expect(fixture.environment.virtualCPUs[1].active[0] == 0)
    }

    @Test func aPrivateInterruptIsActiveAtItsOwnVirtualCPUOnly() {
        var fixture = Fixture(virtualCPUs: 3)
        for number in 0..<3 { fixture.store(Fixture.redistributor(number, 0x1_0300), 1 << UInt64(16 + number)) }
        for number in 0..<3 {
            #expect(fixture.load(Fixture.redistributor(number, 0x1_0300)) == 1 << UInt64(16 + number))
        }
        fixture.store(Fixture.redistributor(2, 0x1_0380), 0xFFFF_FFFF)
        #expect(fixture.environment.virtualCPUs.map { $0.active[0] } == [1 << 16, 1 << 17, 0])
    }

    @Test func softwareGeneratedInterruptsAreAlwaysEdgeTriggered() {
        var fixture = Fixture()
        #expect(fixture.environment.virtualCPUs[0].edge[0] == 0xFFFF)
        #expect(fixture.load(Fixture.redistributor(0, 0x1_0C00)) == 0xAAAA_AAAA)
        fixture.store(Fixture.redistributor(0, 0x1_0C00), 0)
        #expect(fixture.load(Fixture.redistributor(0, 0x1_0C00)) == 0xAAAA_AAAA)
        fixture.store(Fixture.redistributor(0, 0x1_0C04), 0x2)
        #expect(fixture.environment.virtualCPUs[0].edge[0] == 0x1_FFFF)
    }

    @Test func onlyOneWordExists() {
        var fixture = Fixture()
        fixture.store(Fixture.redistributor(0, 0x1_0104), 0xFF)
        fixture.store(Fixture.redistributor(0, 0x1_0420), 0xFF)
        #expect(fixture.load(Fixture.redistributor(0, 0x1_0104)) == 0)
        #expect(fixture.load(Fixture.redistributor(0, 0x1_0420)) == 0)
        #expect(fixture.environment.virtualCPUs[0].enabled == [0, 0, 0, 0])
    }
}
