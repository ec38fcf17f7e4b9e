import Testing

@testable import VirtualPlatform

@Suite struct RedistributorTests {
    @Test func typeTellsNumberAffinityAndTheLast() {
        var bench = Bench(virtualCPUs: 3)
        for number in 0..<3 {
            let type = bench.load(Bench.redistributor(number, 8), size: 8)!
            #expect(type >> 32 == UInt64(number))
            #expect(type >> 8 & 0xFFFF == UInt64(number))
            #expect(type >> 4 & 1 == (number == 2 ? 1 : 0))
            #expect(type & 1 == 0)
            #expect(bench.load(Bench.redistributor(number, 0xFFE8))! >> 4 & 0xF == 3)
        }
        #expect(bench.load(Bench.redistributor(3, 8)) == nil)
        #expect(bench.store(Bench.redistributor(3, 0x1_0100), 1) == false)
        #expect(bench.load(PlatformMap.redistributors - 4) == nil)
    }

    @Test func childrenSleepAsTheProcessorDoes() {
        var bench = Bench()
        #expect(bench.load(Bench.redistributor(0, 0x14)) == 0b110)
        bench.store(Bench.redistributor(0, 0x14), 0)
        #expect(bench.load(Bench.redistributor(0, 0x14)) == 0)
        bench.store(Bench.redistributor(0, 0x14), 0b010)
        #expect(bench.load(Bench.redistributor(0, 0x14)) == 0b110)
        // Its other bytes are reserved.
        bench.store(Bench.redistributor(0, 0x15), 0, size: 1)
        bench.store(Bench.redistributor(0, 0x16), 0, size: 2)
        #expect(bench.load(Bench.redistributor(0, 0x14)) == 0b110)
    }

    @Test func privateInterruptsAreTheirVirtualCPUs() {
        var bench = Bench(virtualCPUs: 2)
        bench.store(Bench.redistributor(1, 0x1_0100), 1 << 27)
        #expect(bench.host.virtualCPUs[1].enabled[0] == 1 << 27)
        #expect(bench.host.virtualCPUs[0].enabled[0] == 0)
        #expect(bench.load(Bench.redistributor(1, 0x1_0180)) == 1 << 27)
        #expect(bench.load(Bench.redistributor(0, 0x1_0180)) == 0)
        bench.store(Bench.redistributor(1, 0x1_0418), 0x8000_0000)
        #expect(bench.host.virtualCPUs[1].priorities[27] == 0x80)
        bench.store(Bench.redistributor(1, 0x1_0300), 1 << 27)
        #expect(bench.host.virtualCPUs[1].active[0] == 1 << 27)
        #expect(bench.load(Bench.redistributor(1, 0x1_0380)) == 1 << 27)
        bench.store(Bench.redistributor(1, 0x1_0380), 1 << 27)
        #expect(bench.host.virtualCPUs[1].active[0] == 0)
    }

    @Test func aPrivateInterruptIsActiveAtItsOwnVirtualCPUOnly() {
        var bench = Bench(virtualCPUs: 3)
        for number in 0..<3 { bench.store(Bench.redistributor(number, 0x1_0300), 1 << UInt64(16 + number)) }
        for number in 0..<3 {
            #expect(bench.load(Bench.redistributor(number, 0x1_0300)) == 1 << UInt64(16 + number))
        }
        bench.store(Bench.redistributor(2, 0x1_0380), 0xFFFF_FFFF)
        #expect(bench.host.virtualCPUs.map { $0.active[0] } == [1 << 16, 1 << 17, 0])
    }

    @Test func softwareGeneratedInterruptsAreAlwaysEdgeTriggered() {
        var bench = Bench()
        #expect(bench.host.virtualCPUs[0].edge[0] == 0xFFFF)
        #expect(bench.load(Bench.redistributor(0, 0x1_0C00)) == 0xAAAA_AAAA)
        bench.store(Bench.redistributor(0, 0x1_0C00), 0)
        #expect(bench.load(Bench.redistributor(0, 0x1_0C00)) == 0xAAAA_AAAA)
        bench.store(Bench.redistributor(0, 0x1_0C04), 0x2)
        #expect(bench.host.virtualCPUs[0].edge[0] == 0x1_FFFF)
    }

    @Test func onlyOneWordExists() {
        var bench = Bench()
        bench.store(Bench.redistributor(0, 0x1_0104), 0xFF)
        bench.store(Bench.redistributor(0, 0x1_0420), 0xFF)
        #expect(bench.load(Bench.redistributor(0, 0x1_0104)) == 0)
        #expect(bench.load(Bench.redistributor(0, 0x1_0420)) == 0)
        #expect(bench.host.virtualCPUs[0].enabled == [0, 0, 0, 0])
    }
}
