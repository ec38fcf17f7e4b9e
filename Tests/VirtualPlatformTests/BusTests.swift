import ABI
import Testing

@testable import VirtualPlatform

/// The bus as a whole: windows, lines, snapshots, and the reader of the console.
@Suite struct BusTests {
    /// Overlapping windows would hide a device; two devices on one line would lower it for each other.
    @Test func windowsAndLinesDoNotMeet() {
        var placements = MachineDevices.placements
        placements.append(
            Placement(base: PlatformMap.distributor, size: PlatformMap.distributorSize, interrupt: nil))
        placements.append(
            Placement(
                base: PlatformMap.redistributors,
                size: PlatformMap.redistributorStride * UInt64(PlatformMap.maximumVirtualCPUs), interrupt: nil))
        let event = InterruptID(Int(MachineEvent.interrupt))
        placements.append(Placement(base: MachineEvent.doorbell, size: 8, interrupt: event))
        for number in 0..<SharedRegions.maximum {
            placements.append(
                Placement(
                    base: SharedRegions.doorbell(number), size: SharedRegions.doorbellSize,
                    interrupt: InterruptID(Int(SharedRegions.interrupt(number)))))
        }
        let sorted = placements.sorted { $0.base < $1.base }
        for (one, next) in zip(sorted, sorted.dropFirst()) {
            #expect(one.size > 0 && one.base + one.size <= next.base, "\(one) reaches into \(next)")
        }
        #expect(sorted.last!.base + sorted.last!.size <= ComponentLayout.guestMemory)
        let interrupts = placements.compactMap(\.interrupt?.number)
        #expect(Set(interrupts).count == interrupts.count && interrupts.allSatisfy { (32..<128).contains($0) })
    }

    // MARK: Snapshots

    /// A copy of the devices behaves as they do, whatever has happened to them, and is not changed with them.
    @Test(arguments: [1, 2, 3, 4]) func aCopyIsASnapshot(seed: UInt64) {
        var generator = SeededGenerator(state: seed)
        var bench = Bench(virtualCPUs: 2)
        for _ in 0..<500 { _ = step(&bench, &generator) }
        let snapshot = bench
        let first = continuation(of: &bench, generator)
        var copy = snapshot
        let second = continuation(of: &copy, generator)
        #expect(first == second)
        // It has lived on: the copy was not what ran the first time.
        var third = bench
        #expect(continuation(of: &third, generator) != first)
    }

    private func continuation(of bench: inout Bench, _ generator: SeededGenerator) -> [String] {
        var generator = generator
        return (0..<200).map { _ in step(&bench, &generator) }
    }

    /// Makes one change, and returns all that the machine and the host can see of it.
    private func step(_ bench: inout Bench, _ generator: inout SeededGenerator) -> String {
        let placements = MachineDevices.placements
        let placement = placements[Int(generator.next() % UInt64(placements.count))]
        let address = placement.base + generator.next() % min(placement.size, 0x50)
        var seen: UInt64?
        switch generator.next() % 8 {
        case 0...2: bench.store(address, generator.next() % 64)
        case 3...4: seen = bench.load(address)
        case 5:
            bench.host.room = Int(generator.next() % 20)
            bench.host.input.append(UInt8(truncatingIfNeeded: generator.next()))
            bench.devices.exchange(&bench.host)
        case 6:
            bench.host.time &+= UInt32(generator.next() % 3)
            bench.host.counter &+= generator.next() % bench.host.frequency
            seen = bench.devices.watch(&bench.host)
        default: bench.setDistributor(0x100 + generator.next() % 0x300 & ~3, generator.next())
        }
        return "\(String(describing: seen)) \(bench.host)"
    }

    // MARK: The reader of the console

    private func print(_ text: String, on bench: inout Bench) {
        for byte in text.utf8 { bench.store(PlatformMap.serial, UInt64(byte)) }
    }

    @Test func aLineIsToldAtItsEnd() {
        var bench = Bench()
        print("hello", on: &bench)
        #expect(bench.host.tellings == 0 && bench.host.moments == 1 && bench.devices.awaitsMoment)
        print("\n", on: &bench)
        #expect(bench.host.tellings == 1 && bench.host.moments == 1)
        bench.devices.endMoment(&bench.host)
        #expect(bench.host.tellings == 1 && !bench.devices.awaitsMoment)
    }

    @Test func aPromptIsToldAMomentLater() {
        var bench = Bench()
        print("# ", on: &bench)
        #expect(bench.host.tellings == 0)
        bench.devices.endMoment(&bench.host)
        #expect(bench.host.tellings == 1)
    }

    /// Without a timer each byte is told at once.
    @Test func withoutAMomentNothingWaits() {
        var bench = Bench()
        bench.host.hasMoments = false
        print("# ", on: &bench)
        #expect(bench.host.tellings == 2 && !bench.devices.awaitsMoment)
    }

    /// A reader that is slow is told that the wire is full, and of the bytes that follow when there is room.
    @Test func aFullWireIsTold() {
        var bench = Bench()
        bench.host.room = 1
        print("ab", on: &bench)
        #expect(bench.host.output == [0x61] && bench.host.tellings == 1 && bench.devices.isBusy)
        bench.host.room = 8
        bench.devices.exchange(&bench.host)
        #expect(bench.host.output == [0x61, 0x62] && !bench.devices.isBusy)
        bench.devices.endMoment(&bench.host)
        #expect(bench.host.tellings == 2)
    }
}

extension DeviceList {
    static var placements: [Placement] {
        var placements: [Placement] = []
        forEachPlacement { placements.append($0) }
        return placements
    }
}
