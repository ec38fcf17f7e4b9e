import ABI

/// The bits of the notifications of the parts for disks.
enum DiskEvent {
    // The bits of a backend.
    static let storageAnswers = VirtioPages.BackendEvent.storage
    static let monitorNews = VirtioPages.BackendEvent.control
    static func queueNotify(slot: Int) -> UInt64 { 1 << (VirtioPages.BackendEvent.firstNotify + UInt64(slot)) }

    /// The bit of a monitor for news of its backend.
    static let backendNews = VirtioPages.monitorEvent

    /// The bit of the storage component for answers of the driver.
    static let driverAnswers: UInt64 = 1 << 1
    /// The bit of the driver for requests of the storage component.
    static let requests: UInt64 = 1 << 1
    /// Returns the bit of the storage component for requests of a client. Forty clients have bits of their own.
    static func requests(ofClient number: Int) -> UInt64 { 1 << (8 + UInt64(number - 1) % 40) }
}
