import VirtualPlatform

/// The access to the RAM of the machine whose rings this program parses: a mapping in the backend, an array in a test.
///
/// The guest may change all of it at any time. So each load reads its bytes once and returns a value, and no function
/// returns a pointer. A caller that needs a value twice keeps it.
public protocol GuestRAM {
    /// The bounds of the RAM, by which every address of the guest is checked.
    var bounds: GuestBounds { get }

    // A range of the four functions has 1, 2, 4 or 8 bytes and is aligned to its size.

    func load(_ range: GuestRange) -> UInt64
    func store(_ value: UInt64, _ range: GuestRange)
    /// Loads 2 bytes with sequential consistency.
    func loadOrdered(_ range: GuestRange) -> UInt64
    /// Stores 2 bytes with sequential consistency.
    func storeOrdered(_ value: UInt64, _ range: GuestRange)

    /// Copies bytes of the RAM into the window, from `offset` on. The caller has checked the offset.
    /// - Parameter isLarge: true if the bytes belong to so large a copy that a way with a dear start is worth it.
    func copy(_ range: GuestRange, toWindow offset: UInt64, isLarge: Bool)
    /// Copies bytes of the window into the RAM.
    func copy(fromWindow offset: UInt64, to range: GuestRange, isLarge: Bool)
}
