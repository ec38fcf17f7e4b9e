/// The reasons why a device cannot be used, or was reset.
public enum DeviceTrouble: UInt8, Error, CaseIterable, Sendable {
    // At the start.
    case noDevice
    /// The device offers the transport from before virtio 1.0 only.
    case legacy
    case notABlockDevice
    /// The device lacks a feature that the driver needs, or has refused the driver's choice.
    case features
    /// The device has no queue, one that is too small, or one that is in use after a reset.
    case queue
    /// The memory for the queue is too small.
    case memory
    /// The device does not end a reset.
    case noReset

    // Later.
    /// The device asks for a reset.
    case needsReset
    /// The device claims to have finished more requests than it has.
    case usedIndex
    /// The device claims to have finished a request that it does not have.
    case usedRequest
    /// The device claims to have written more bytes than the request has.
    case usedLength
    /// The device has finished a request with a status that does not exist.
    case status
    /// The device was reset again and again without finishing a request.
    case hopeless
    /// A request has failed, or has read fewer bytes than it asked for. The device was not reset.
    case ioError
}

/// The kinds of trouble that have come since somebody asked last.
public struct DeviceTroubles: Sendable {
    private var bits: UInt32 = 0

    mutating func insert(_ trouble: DeviceTrouble) { bits |= 1 << UInt32(trouble.rawValue) }

    /// Removes one kind and returns it, or nil if there is none.
    public mutating func removeFirst() -> DeviceTrouble? {
        guard bits != 0 else { return nil }
        let trouble = DeviceTrouble(rawValue: UInt8(bits.trailingZeroBitCount))
        bits &= bits &- 1
        return trouble
    }
}
