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
        for slot in 0..<VirtioPages.slots {
            // The transport's window has the registers of all slots.
            let interrupt = InterruptID(Int(VirtioPages.interrupt(ofSlot: slot)))
            placements.append(
                Placement(base: VirtioPages.machineAddress + 4096 + UInt64(slot), size: 1, interrupt: interrupt))
        }
        let sorted = placements.sorted { $0.base < $1.base }
        for (one, next) in zip(sorted, sorted.dropFirst()) {
            #expect(one.size > 0 && one.base + one.size <= next.base, "\(one) reaches into \(next)")
        }
        #expect(sorted.last!.base + sorted.last!.size <= ComponentLayout.guestMemory)
        let interrupts = placements.compactMap(\.interrupt?.number)
        #expect(Set(interrupts).count == interrupts.count && interrupts.allSatisfy { (32..<128).contains($0) })
    }

    /// The bus sends accesses to the serial window to the first device without a look at its placement.
    @Test func theFirstDeviceIsTheSerialPort() {
        let first = MachineDevices.placements.first
        #expect(first?.base == PlatformMap.serial && first?.size == PlatformMap.serialSize)
    }

    // MARK: Snapshots

    /// A copy of the devices behaves as they do after any events, and does not change with them.
    @Test(arguments: [1, 2, 3, 4]) func aCopyIsASnapshot(seed: UInt64) {
        var generator = SeededGenerator(state: seed)
        var fixture = Fixture(virtualCPUs: 2)
        for _ in 0..<500 { _ = step(&fixture, &generator) }
        let snapshot = fixture
        let first = continuation(of: &fixture, generator)
        var copy = snapshot
        let second = continuation(of: &copy, generator)
        #expect(first == second)
        // The original has gone on, because the copy did not run the first time.
        var third = fixture
        #expect(continuation(of: &third, generator) != first)
    }

    private func continuation(of fixture: inout Fixture, _ generator: SeededGenerator) -> [String] {
        var generator = generator
        return (0..<200).map { _ in step(&fixture, &generator) }
    }

    /// Makes one change, and returns everything that the machine and the environment can see of it.
    private func step(_ fixture: inout Fixture, _ generator: inout SeededGenerator) -> String {
        let placements = MachineDevices.placements
        let placement = placements[Int(generator.next() % UInt64(placements.count))]
        let address = placement.base + generator.next() % min(placement.size, 0x50)
        var seen: UInt64?
        switch generator.next() % 8 {
        case 0...2: fixture.store(address, generator.next() % 64)
        case 3...4: seen = fixture.load(address)
        case 5:
            fixture.environment.room = Int(generator.next() % 20)
            fixture.environment.input.append(UInt8(truncatingIfNeeded: generator.next()))
            fixture.devices.exchange(&fixture.environment)
        case 6:
            fixture.environment.time &+= UInt32(generator.next() % 3)
            fixture.environment.counter &+= generator.next() % fixture.environment.frequency
            seen = fixture.devices.watch(&fixture.environment)
        default: fixture.setDistributor(0x100 + generator.next() % 0x300 & ~3, generator.next())
        }
        return "\(String(describing: seen)) \(fixture.environment)"
    }

    // MARK: The reader of the console

    private func print(_ text: String, on fixture: inout Fixture) {
        for byte in text.utf8 { fixture.store(PlatformMap.serial, UInt64(byte)) }
    }

    @Test func aLineIsToldAtItsEnd() {
        var fixture = Fixture()
        print("hello", on: &fixture)
        #expect(fixture.environment.tellings == 0 && fixture.environment.moments == 1 && fixture.devices.awaitsMoment)
        print("\n", on: &fixture)
        #expect(fixture.environment.tellings == 1 && fixture.environment.moments == 1)
        fixture.devices.endMoment(&fixture.environment)
        #expect(fixture.environment.tellings == 1 && !fixture.devices.awaitsMoment)
    }

    @Test func aPromptIsToldAMomentLater() {
        var fixture = Fixture()
        print("# ", on: &fixture)
        #expect(fixture.environment.tellings == 0)
        fixture.devices.endMoment(&fixture.environment)
        #expect(fixture.environment.tellings == 1)
    }

    /// Without a timer the reader is told of each byte at once.
    @Test func withoutAMomentNothingWaits() {
        var fixture = Fixture()
        fixture.environment.hasMoments = false
        print("# ", on: &fixture)
        #expect(fixture.environment.tellings == 2 && !fixture.devices.awaitsMoment)
    }

    /// A slow reader is told that the wire is full, and of the next bytes when there is room.
    @Test func aFullWireIsTold() {
        var fixture = Fixture()
        fixture.environment.room = 1
        print("ab", on: &fixture)
        #expect(fixture.environment.output == [0x61] && fixture.environment.tellings == 1 && fixture.devices.isBusy)
        fixture.environment.room = 8
        fixture.devices.exchange(&fixture.environment)
        #expect(fixture.environment.output == [0x61, 0x62] && !fixture.devices.isBusy)
        fixture.devices.endMoment(&fixture.environment)
        #expect(fixture.environment.tellings == 2)
    }
}

extension DeviceList {
    static var placements: [Placement] {
        var collector = PlacementCollector()
        visitAll(&collector)
        return collector.placements
    }
}

private struct PlacementCollector: DeviceVisitor {
    var placements: [Placement] = []
    mutating func visit<Visited: Device>(_ position: DevicePosition<Visited>) { placements.append(Visited.placement) }
}
