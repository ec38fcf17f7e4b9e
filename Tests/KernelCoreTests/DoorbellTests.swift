import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// The doorbells of a space: eight places, each of which is bound and freed independently.
@Suite struct DoorbellTests {
    private let fixture = Fixture()
    private let space: UInt32

    init() { space = fixture.create(.addressSpace, 1) }

    private func address(_ bell: Int) -> UInt64 { 0x1000 + 4 * UInt64(bell) }

    private func bind(_ bell: Int, to notification: UInt32) -> Status? {
        fixture.operate(.doorbell, space, address(bell), UInt64(notification), 1 << UInt64(bell)).status
    }

    /// Returns the bits that a store to an address raises, or nil if the address is no doorbell.
    private func ring(_ address: UInt64, _ notification: UInt32) -> UInt64? {
        let target = fixture.object(space, as: AddressSpace.self)
        var isDoorbell = false
        fixture.enter { isDoorbell = K.ring($0, target, GuestAddress(address)) }
        let answer = fixture.operate(.poll, notification)
        return isDoorbell ? answer.tag : nil
    }

    /// Expects that each doorbell raises its own bits, and that no other doorbell exists.
    private func expect(_ bells: [Int: UInt32], sourceLocation: SourceLocation = #_sourceLocation) {
        for bell in 0..<9 {
            let notification = bells[bell] ?? bells.values.first!
            #expect(
                ring(address(bell), notification) == bells[bell].map { _ in 1 << UInt64(bell) },
                sourceLocation: sourceLocation)
        }
    }

    @Test func aSpaceHasEight() {
        let notification = fixture.create(.notification)
        var bells: [Int: UInt32] = [:]
        for bell in 0..<8 {
            #expect(bind(bell, to: notification) == .ok)
            bells[bell] = notification
            expect(bells)
        }
        #expect(bind(8, to: notification) == .noMemory)
        expect(bells)
        #expect(fixture.object(space, as: AddressSpace.self).pointee.doorbells.count == KernelLimits.doorbells)
        for other in [address(0) - 4, address(0) + 1, address(0) + 2, address(0) | 1 << 32] {
            #expect(ring(other, notification) == nil)
        }
    }

    /// Doorbells behind a removed one still work, and one that takes its place does not change them.
    @Test(arguments: [[0], [1], [3], [0, 1], [0, 2], [1, 3], [2, 3], [0, 1, 2]])
    func remainingDoorbellsStillRing(gone: [Int]) {
        var bells: [Int: UInt32] = [:]
        for bell in 0..<4 {
            bells[bell] = fixture.create(.notification)
            #expect(bind(bell, to: bells[bell]!) == .ok)
        }
        for bell in gone {
            fixture.delete(bells.removeValue(forKey: bell)!)
            expect(bells)
        }
        for bell in gone {
            bells[bell + 4] = fixture.create(.notification)
            #expect(bind(bell + 4, to: bells[bell + 4]!) == .ok)
            expect(bells)
        }
        #expect(fixture.object(space, as: AddressSpace.self).pointee.doorbellCount == 4, "the places are used again")
    }

    /// Doorbells are words of four bytes, anywhere.
    @Test(arguments: [0, 1, 2, 3, 4, 6, 7, 8, 1 << 39 | 4, .max - 3, .max] as [UInt64])
    func anAddressIsAligned(address: UInt64) {
        let notification = fixture.create(.notification)
        let status = fixture.operate(.doorbell, space, address, UInt64(notification), 5).status
        #expect(status == (address % 4 == 0 ? .ok : .badArgument))
        #expect(ring(address, notification) == (address % 4 == 0 ? 5 : nil))
    }
}
