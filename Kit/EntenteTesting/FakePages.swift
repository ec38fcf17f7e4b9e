import ABI
import Foundation

/// The pages that root maps for every component: configuration with resources, message page, console.
final class FakePages {
    private let base: UnsafeMutableRawPointer
    private static let pageSize = 4096
    /// The number of pages for the configuration and the resources behind it.
    private static let configurationPages = 1 + 8
    private static let allPages = configurationPages + 3
    private static let ranges: [(address: UInt64, page: Int, pages: Int)] = [
        (ComponentLayout.configuration, 0, configurationPages),
        (ComponentLayout.messagePages, configurationPages, 1), (ComponentLayout.console, configurationPages + 1, 2),
    ]

    init() {
        base = UnsafeMutableRawPointer.allocate(byteCount: Self.allPages * Self.pageSize, alignment: Self.pageSize)
        memset(base, 0, Self.allPages * Self.pageSize)
    }

    deinit { base.deallocate() }

    func address(_ componentAddress: UInt64) -> UInt64 {
        for range in Self.ranges {
            let offset = componentAddress &- range.address
            if offset < UInt64(range.pages * Self.pageSize) {
                return UInt64(UInt(bitPattern: base + range.page * Self.pageSize)) + offset
            }
        }
        fatalError("a component has nothing at 0x\(String(componentAddress, radix: 16)) that a fake could stand for")
    }

    func configure(_ body: (inout ComponentConfiguration) -> Void) {
        body(&configuration.pointee)
    }

    private var configuration: UnsafeMutablePointer<ComponentConfiguration> {
        base.assumingMemoryBound(to: ComponentConfiguration.self)
    }

    /// Adds a resource of this name behind the component's other resources.
    func add(_ name: String, _ make: (InlineArray<32, UInt8>) -> Resource) {
        let count = Int(configuration.pointee.resourceCount)
        precondition(
            (count + 1) * MemoryLayout<Resource>.stride <= (Self.configurationPages - 1) * Self.pageSize,
            "a fake component has no room for another resource")
        let table = (base + Self.pageSize).assumingMemoryBound(to: Resource.self)
        table[count] = make(FakePages.padded(name))
        configuration.pointee.resourceCount += 1
    }

    /// Returns a name as a resource holds it.
    static func padded(_ name: String) -> InlineArray<32, UInt8> {
        precondition(name.utf8.count < Resource.nameSize, "a name has at most 31 bytes")
        var padded = InlineArray<32, UInt8>(repeating: 0)
        for (index, byte) in name.utf8.enumerated() { padded[index] = byte }
        return padded
    }

    /// Resets the counts of shared memory, because a new life has used none of it yet.
    func forgetRings() {
        memset(message + Int(MessagePage.own) + 8, 0, Self.pageSize - Int(MessagePage.own) - 8)
    }

    // MARK: The message page

    private var message: UnsafeMutableRawPointer { base + Self.configurationPages * Self.pageSize }

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
