/// The registers of a virtio device behind the memory-mapped transport (virtio 1.2, 4.2.2), as offsets in bytes. Each
/// is 32 bits wide.
public enum VirtioRegister {
    public static let magic = 0x000, version = 0x004, deviceID = 0x008
    public static let deviceFeatures = 0x010, deviceFeaturesSelect = 0x014
    public static let driverFeatures = 0x020, driverFeaturesSelect = 0x024
    public static let queueSelect = 0x030, queueSizeMaximum = 0x034, queueSize = 0x038, queueReady = 0x044
    public static let queueNotify = 0x050
    public static let interruptStatus = 0x060, interruptAcknowledge = 0x064
    public static let status = 0x070
    public static let descriptors = 0x080, available = 0x090, used = 0x0A0
    public static let configGeneration = 0x0FC, config = 0x100
    /// The size of a device's registers in bytes.
    public static let size = 0x200

    /// The value of `magic`: "virt" in the order of memory.
    static let magicValue: UInt32 = 0x7472_6976
    /// The value of `version` of a modern device. Legacy devices, which virtio 1.0 replaced, have 1.
    static let modern: UInt32 = 2
    static let blockDevice: UInt32 = 2
}

/// The bits of a device's status (virtio 1.2, 2.1).
enum VirtioStatus {
    static let acknowledge: UInt32 = 1, driver: UInt32 = 2, driverOK: UInt32 = 4, featuresOK: UInt32 = 8
    static let needsReset: UInt32 = 64
}

/// The reasons of an interrupt (virtio 1.2, 4.2.2).
enum VirtioInterrupt {
    static let configurationChanged: UInt32 = 2
}

/// The features that the driver understands (virtio 1.2, 5.2.3 and 6).
enum VirtioFeature {
    static let readOnly: UInt64 = 1 << 5
    static let blockSize: UInt64 = 1 << 6
    static let flush: UInt64 = 1 << 9
    static let discard: UInt64 = 1 << 13
    static let writeZeroes: UInt64 = 1 << 14
    static let indirect: UInt64 = 1 << 28
    static let eventIndex: UInt64 = 1 << 29
    static let version1: UInt64 = 1 << 32

    /// The features without which the driver does not use a device.
    static let needed = version1 | indirect
    static let wanted = needed | eventIndex | flush | discard | writeZeroes | readOnly | blockSize
}

/// The places in the configuration of a block device, in bytes (virtio 1.2, 5.2.4).
enum BlockConfiguration {
    static let capacity = 0, blockSize = 20, maximumDiscard = 36, maximumWriteZeroes = 48
}

/// The types of requests to a block device, and the device's answers (virtio 1.2, 5.2.6).
enum VirtioBlockType {
    static let read: UInt32 = 0, write: UInt32 = 1, flush: UInt32 = 4, getIdentity: UInt32 = 8
    static let discard: UInt32 = 11, writeZeroes: UInt32 = 13
    static let ok: UInt8 = 0, ioError: UInt8 = 1, unsupported: UInt8 = 2
}

/// The flags of a descriptor, at their place in its second word (virtio 1.2, 2.7.5). The word has the length in bits
/// 0…31, the flags in bits 32…47, and the number of the next descriptor in bits 48…63.
enum DescriptorFlags {
    static let next: UInt64 = 1 << 32, deviceWrites: UInt64 = 2 << 32, indirect: UInt64 = 4 << 32
}
