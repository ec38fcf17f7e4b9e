import ABI
import HardwareModel
import TestSupport
import Testing

@testable import KernelCore

/// The doorbells of a space: each is bound and freed independently, and rings at its address and value.
@Suite struct DoorbellTests {
    private let fixture = Fixture()
    private let machine: Tenant
    private var space: UInt32 { machine.space }
    private var table: Ref<DoorbellTable> { fixture.object(space, as: AddressSpace.self).pointee.doorbells! }

    init() { machine = fixture.makeVirtualCPU(starts: false) }

    private func bind(
        _ address: UInt64, to notification: UInt32, _ bits: UInt64, _ match: DoorbellMatch = .every
    ) -> Status? {
        fixture.operate(.doorbell, space, address, UInt64(notification), bits, match.bits).status
    }

    /// Returns the bits that a store raises, or nil if it rings no doorbell.
    private func ring(_ address: UInt64, _ value: UInt64 = 0, size: UInt64 = 4) -> UInt64? {
        fixture.bell(machine, address, value, size: size)?.bits
    }

    private func address(_ bell: Int) -> UInt64 { 0x1000 + 4 * UInt64(bell) }

    /// Expects that each doorbell raises its own bits, and that no other doorbell exists.
    private func expect(_ bells: [Int: UInt32], sourceLocation: SourceLocation = #_sourceLocation) {
        for bell in 0..<9 {
            #expect(
                ring(address(bell)) == bells[bell].map { _ in 1 << UInt64(bell) }, sourceLocation: sourceLocation)
        }
    }

    // MARK: Places

    @Test func aSpaceHasAsManyAsItPaysFor() {
        let notification = fixture.create(.notification)
        for bell in 0..<KernelLimits.doorbells {
            #expect(bind(address(bell), to: notification, 1 << UInt64(bell)) == .ok)
        }
        #expect(bind(address(64), to: notification, 1) == .noMemory)
        for bell in 0..<64 { #expect(ring(address(bell)) == 1 << UInt64(bell)) }
        for other in [address(0) - 4, address(64), address(0) + 1, address(0) + 2, address(0) | 1 << 32] {
            #expect(ring(other) == nil)
        }
        fixture.verify()
        let poor = fixture.create(.addressSpace, 1)
        #expect(fixture.operate(.doorbell, poor, 0x1000, UInt64(notification), 1).status == .noMemory)
    }

    /// Doorbells behind a removed one still work, and one that takes its place does not change them.
    @Test(arguments: [[0], [1], [3], [0, 1], [0, 2], [1, 3], [2, 3], [0, 1, 2]])
    func remainingDoorbellsStillRing(gone: [Int]) {
        var bells: [Int: UInt32] = [:]
        for bell in 0..<4 {
            bells[bell] = fixture.create(.notification)
            #expect(bind(address(bell), to: bells[bell]!, 1 << UInt64(bell)) == .ok)
        }
        for bell in gone {
            fixture.delete(bells.removeValue(forKey: bell)!)
            expect(bells)
        }
        for bell in gone {
            bells[bell + 4] = fixture.create(.notification)
            #expect(bind(address(bell + 4), to: bells[bell + 4]!, 1 << UInt64(bell + 4)) == .ok)
            expect(bells)
        }
        #expect(table.pointee.used == 15, "the places are used again")
    }

    /// Doorbells are words of four bytes, anywhere.
    @Test(arguments: [0, 1, 2, 3, 4, 6, 7, 8, 1 << 39 | 4, .max - 3, .max] as [UInt64])
    func anAddressIsAligned(address: UInt64) {
        let notification = fixture.create(.notification)
        #expect(bind(address, to: notification, 5) == (address % 4 == 0 ? .ok : .badArgument))
        #expect(ring(address) == (address % 4 == 0 ? 5 : nil))
    }

    @Test func aSpaceThatGoesFreesItsDoorbells() {
        let notification = fixture.create(.notification)
        for bell in 0..<64 { #expect(bind(address(bell), to: notification, 1) == .ok) }
        fixture.delete(machine.slot)
        fixture.delete(space)
        #expect(fixture.slot(notification).pointee.firstChild == nil)
        fixture.delete(notification)
    }

    /// A store at an address whose doorbell went costs no look at any bell.
    @Test func aDoorbellThatWentLeavesNothing() {
        let notification = fixture.create(.notification)
        for bell in 0..<8 { #expect(bind(address(bell), to: notification, 1) == .ok) }
        #expect(bind(0x2000, to: notification, 1, DoorbellMatch(value: 3, width: 8)) == .ok)
        fixture.delete(notification)
        for bucket in 0..<table.pointee.buckets.count { #expect(table.pointee.buckets[bucket].load() == 0) }
        #expect(table.pointee.used == 0)
    }

    /// A core may have read the bucket of a doorbell before the doorbell went. It must not ring afterwards, because the
    /// memory of its notification may have another use.
    @Test func aDoorbellThatWentRingsForNoCoreThatHasFoundIt() {
        let notification = fixture.create(.notification)
        #expect(bind(0x1000, to: notification, 1) == .ok)
        let store = GuestStore(GuestAddress(0x1000), register: 0, size: 4)
        let candidates = table.pointee.candidates(store.address, value: 0)
        #expect(K.bell(of: table.first(of: candidates), store) != nil)
        fixture.delete(notification)
        #expect(K.bell(of: table.first(of: candidates), store) == nil)
        fixture.verify()
    }

    // MARK: Values

    @Test(
        arguments: [(8, 0x12, 0xFF), (16, 0x1234, 0xFFFF), (32, 0x1234_5678, 0xFFFF_FFFF)] as [(UInt64, UInt32, UInt64)]
    )
    func aValueIsComparedInItsWidth(width: UInt64, value: UInt32, mask: UInt64) {
        let notification = fixture.create(.notification)
        #expect(bind(0x1000, to: notification, 2, DoorbellMatch(value: value, width: width)) == .ok)
        let stored = UInt64(value)
        #expect(ring(0x1000, stored, size: 4) == 2 && ring(0x1000, stored, size: 8) == 2)
        #expect(ring(0x1000, stored | ~mask, size: 8) == 2, "further bits do not count")
        for bit in 0..<64 {
            #expect(ring(0x1000, stored ^ 1 << UInt64(bit), size: 8) == (UInt64(bit) < width ? nil : 2))
        }
        #expect(ring(0x1004, stored) == nil)
    }

    /// Only the stored bytes of the register count.
    @Test func aStoreIsExtendedByZeros() {
        let notification = fixture.create(.notification)
        #expect(bind(0x1000, to: notification, 2, DoorbellMatch(value: 0x34, width: 16)) == .ok)
        #expect(ring(0x1000, 0x1234, size: 1) == 2 && ring(0x1000, 0x1234, size: 2) == nil)
        #expect(ring(0x1000, 0xABCD_0034, size: 2) == 2)
        #expect(bind(0x2000, to: notification, 4, DoorbellMatch(value: 0x1_0000, width: 32)) == .ok)
        #expect(ring(0x2000, 0x1_0000, size: 2) == nil && ring(0x2000, 0x1_0000, size: 4) == 4)
        #expect(GuestStore(GuestAddress(0), register: .max, size: 8).value == .max)
    }

    @Test(
        arguments: [
            1 << 32, 7 << 32, 9 << 32, 24 << 32, 64 << 32, 1, 8 << 32 | 0x100, 16 << 32 | 0x1_0000, 1 << 40, .max,
        ] as [UInt64])
    func impossibleValuesAreRefused(match: UInt64) {
        let notification = fixture.create(.notification)
        #expect(bind(0x1000, to: notification, 1, DoorbellMatch(bits: match)) == .badArgument)
        #expect(ring(0x1000, match) == nil)
    }

    /// All doorbells of a space can be at one address.
    @Test func eachValueHasADoorbell() {
        let notification = fixture.create(.notification)
        for value in 0..<64 as Range<UInt64> {
            let match = DoorbellMatch(value: UInt32(value * 3), width: 16)
            #expect(bind(0x1000, to: notification, 1 << value, match) == .ok)
        }
        for value in 0..<200 as Range<UInt64> {
            #expect(ring(0x1000, value) == (value % 3 == 0 && value < 192 ? 1 << (value / 3) : nil))
        }
    }

    /// No store rings two doorbells.
    @Test func doorbellsOfOneStoreAreRefused() {
        let notification = fixture.create(.notification)
        #expect(bind(0x1000, to: notification, 1) == .ok)
        #expect(bind(0x1000, to: notification, 1) == .occupied)
        #expect(bind(0x1000, to: notification, 1, DoorbellMatch(value: 3, width: 8)) == .occupied)
        #expect(bind(0x2000, to: notification, 2, DoorbellMatch(value: 0x103, width: 16)) == .ok)
        #expect(bind(0x2000, to: notification, 1) == .occupied)
        #expect(bind(0x2000, to: notification, 1, DoorbellMatch(value: 0x3, width: 8)) == .occupied)
        #expect(bind(0x2000, to: notification, 1, DoorbellMatch(value: 0x7_0103, width: 32)) == .occupied)
        #expect(bind(0x2000, to: notification, 4, DoorbellMatch(value: 0x4, width: 8)) == .ok)
        #expect(bind(0x2000, to: notification, 8, DoorbellMatch(value: 0x203, width: 16)) == .ok)
        #expect(ring(0x2000, 0x103) == 2 && ring(0x2000, 0x104) == 4 && ring(0x2000, 0x203) == 8)
    }

    // MARK: Everything at random

    /// The table finds the doorbells that a plain list finds.
    @Test func theTableIsAsGoodAsAList() {
        for seed in TestLength.seeds(short: 3, long: 40) {
            var generator = SeededGenerator(seed: seed)
            let test = DoorbellTests()
            if let difference = test.playAtRandom(&generator) {
                Issue.record("seed \(seed): \(difference)")
                return
            }
        }
    }

    private struct Bell {
        var address: UInt64
        var match: DoorbellMatch
        var notification: UInt32
        var bits: UInt64
    }

    private func playAtRandom(_ generator: inout SeededGenerator) -> String? {
        var bells: [Bell] = []
        for step in 0..<400 {
            let address = [0x0A00_0050, 0x0A00_0064, 0x0B01_0000][generator.below(3)] as UInt64
            let place = address + UInt64(generator.below(10)) * [0x200, 0x1000][generator.below(2)]
            let width = [0, 0, 8, 16, 32][generator.below(5)] as UInt64
            let match =
                width == 0 ? .every : DoorbellMatch(value: UInt32(generator.below(5)) * 127 & 0xFF, width: width)
            if generator.chance(60) {
                let bell = Bell(
                    address: place, match: match, notification: fixture.create(.notification), bits: UInt64(step) + 1)
                let isTaken = bells.contains { $0.address == place && $0.match.overlaps(match) }
                let expected: Status = isTaken ? .occupied : bells.count == 64 ? .noMemory : .ok
                let status = bind(place, to: bell.notification, bell.bits, match)
                guard status == expected else { return "step \(step): \(String(describing: status)), not \(expected)" }
                if expected == .ok { bells.append(bell) } else { fixture.delete(bell.notification) }
            } else if !bells.isEmpty {
                fixture.delete(bells.remove(at: generator.below(bells.count)).notification)
            }
            for _ in 0..<8 {
                let bell = bells.randomElement(using: &generator)
                let address = generator.chance(70) ? bell?.address ?? place : place
                let value = generator.chance(70) ? bell?.match.value ?? 0 : UInt64(generator.below(700))
                let expected = bells.first { $0.address == address && $0.match.matches(value) }?.bits
                guard ring(address, value) == expected else { return "step \(step): a store of \(value) to \(address)" }
            }
        }
        return nil
    }
}
