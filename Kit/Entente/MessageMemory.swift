import ABI

/// The message page of a thread.
@safe
struct MessageMemory {
    static let maximumWords: UInt32 = 64
    private let base: UnsafeMutableRawPointer

    /// The page of a component's only thread.
    static var current: MessageMemory {
        // SAFETY: root mapped the page there before it started this component (ComponentLayout.messagePages).
        unsafe MessageMemory(
            base: UnsafeMutableRawPointer(bitPattern: UInt(Seam.address(ComponentLayout.messagePages)))
                .unsafelyUnwrapped)
    }

    func word(_ index: UInt32) -> UInt64 { load(UInt32(MessagePage.words) + index % Self.maximumWords * 8) }

    func setWord(_ index: UInt32, to value: UInt64) {
        precondition(index < Self.maximumWords, "a message has at most 64 words")
        store(value, UInt32(MessagePage.words) + index * 8)
    }

    func setCapability(_ index: UInt32, slot: UInt32, rights: Rights, badge: UInt64) {
        let offset = UInt32(MessagePage.sentCapabilities) + (index & 1) * 16
        store(UInt64(slot) | UInt64(rights.rawValue) << 32, offset)
        store(badge, offset + 8)
    }

    func setLease(address: UInt64, size: UInt64, rights: Rights) {
        store(address, UInt32(MessagePage.lease))
        store(size, UInt32(MessagePage.lease) + 8)
        store(UInt64(rights.rawValue), UInt32(MessagePage.lease) + 16)
    }

    /// The two slots for capabilities of messages, the first in the low half.
    var receiveSlots: UInt64 {
        get { load(UInt32(MessagePage.receiveSlots)) }
        nonmutating set { store(newValue, UInt32(MessagePage.receiveSlots)) }
    }

    /// A mask of the received slots in use. It lies behind the part that the kernel reads, so that each thread has
    /// its own.
    var usedSlots: UInt64 {
        get { load(UInt32(MessagePage.own)) }
        nonmutating set { store(newValue, UInt32(MessagePage.own)) }
    }

    /// The number of pieces of shared memory for which the page can hold a count of bytes.
    static let accounts: UInt64 = (4096 - MessagePage.own - 8) / 8
    /// Returns the bytes of a piece of shared memory that are in use; `account` is below `accounts`
    /// (`RingWindow.account`).
    func usedShared(_ account: UInt64) -> UInt64 { load(Self.offset(of: account)) }
    func setUsedShared(_ account: UInt64, to bytes: UInt64) { store(bytes, Self.offset(of: account)) }

    private static func offset(of account: UInt64) -> UInt32 {
        UInt32(MessagePage.own) + 8 + 8 * UInt32(account % accounts)
    }

    private func load(_ offset: UInt32) -> UInt64 {
        // SAFETY: every offset that this type computes is a multiple of 8 inside of the page.
        unsafe base.load(fromByteOffset: Int(offset), as: UInt64.self)
    }

    private func store(_ value: UInt64, _ offset: UInt32) {
        // SAFETY: as in `load`.
        unsafe base.storeBytes(of: value, toByteOffset: Int(offset), as: UInt64.self)
    }
}
