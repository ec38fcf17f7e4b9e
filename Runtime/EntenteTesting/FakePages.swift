import ABI
import Foundation

/// The pages that root maps for a component: configuration, message page, console.
final class FakePages {
    private let base: UnsafeMutableRawPointer
    private static let pageSize = 4096
    private static let places: [(address: UInt64, page: Int, pages: Int)] = [
        (ComponentLayout.configuration, 0, 1), (ComponentLayout.messagePages, 1, 1), (ComponentLayout.console, 2, 2),
    ]

    init() {
        base = UnsafeMutableRawPointer.allocate(byteCount: 4 * Self.pageSize, alignment: Self.pageSize)
        memset(base, 0, 4 * Self.pageSize)
    }

    deinit { base.deallocate() }

    func address(_ componentAddress: UInt64) -> UInt64 {
        for place in Self.places {
            let offset = componentAddress &- place.address
            if offset < UInt64(place.pages * Self.pageSize) {
                return UInt64(UInt(bitPattern: base + place.page * Self.pageSize)) + offset
            }
        }
        fatalError("a component has nothing at 0x\(String(componentAddress, radix: 16)) that a fake could stand for")
    }

    func configure(_ body: (inout ComponentConfiguration) -> Void) {
        body(&base.assumingMemoryBound(to: ComponentConfiguration.self).pointee)
    }

    /// A new life has given out nothing of the memory that it shares.
    func forgetRings() {
        memset(message + Int(MessagePage.own) + 8, 0, 8 * Connections.maximum)
    }

    // MARK: The message page

    private var message: UnsafeMutableRawPointer { base + Self.pageSize }

    func copyWords(_ range: Range<Int>, from other: FakePages) {
        memcpy(message + range.lowerBound * 8, other.message + range.lowerBound * 8, range.count * 8)
    }

    func sentCapability(_ index: Int) -> (slot: UInt32, rights: Rights, badge: UInt64) {
        let record = message + Int(MessagePage.sentCapabilities) + 16 * index
        return (
            record.load(as: UInt32.self),
            Rights(rawValue: UInt8(truncatingIfNeeded: record.load(fromByteOffset: 4, as: UInt32.self))),
            record.load(fromByteOffset: 8, as: UInt64.self)
        )
    }

    func receiveSlot(_ index: Int) -> UInt32 {
        message.load(fromByteOffset: Int(MessagePage.receiveSlots) + 4 * (index & 1), as: UInt32.self)
    }

    var sentLease: FakeLease {
        let record = message + Int(MessagePage.lease)
        return FakeLease(
            address: record.load(as: UInt64.self), size: record.load(fromByteOffset: 8, as: UInt64.self),
            rights: Rights(rawValue: UInt8(truncatingIfNeeded: record.load(fromByteOffset: 16, as: UInt64.self))))
    }
}
