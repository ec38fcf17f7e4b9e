/// The pages by which a machine, its monitor and its backend share the state of virtio devices: the register page, the
/// control page and the backend page. They outlive the monitor and the backend. Offsets and sizes are in bytes.
///
/// docs/abi.md, "Virtio pages", gives the rules. Each page has a part of 512 bytes for each of eight *virtio slots*. A
/// virtio slot is the place of one device on the machine's bus, as QEMU's `virt` board has it.
public enum VirtioPages {
    public static let slots = 8
    public static let slotSize = 512
    public static let maximumQueues = 8
    public static let maximumQueueSize = 256

    /// The guest-physical address of slot 0. The machine reads the register page there, and cannot write it.
    public static let machineAddress: UInt64 = 0x0A00_0000
    /// The INTID of slot 0's interrupt. The devices signal edges.
    public static let firstInterrupt: UInt64 = 48

    public static let pageSize = 4096
    /// The offsets of the pages. The backend writes the interrupt status, the configuration and its generation in the
    /// register page, and the monitor writes the rest.
    public static let registers = 0
    /// The page that only the monitor writes.
    public static let control = 4096
    /// The page that only the backend writes.
    public static let backend = 8192
    public static let size: UInt64 = 12288

    @inline(__always) public static func machineAddress(ofSlot slot: Int) -> UInt64 {
        machineAddress + UInt64(slot * slotSize)
    }
    /// Returns the guest-physical address of a register of a slot (`VirtioRegister`), at which there is a doorbell.
    @inline(__always) public static func doorbell(_ register: Int, slot: Int) -> UInt64 {
        machineAddress(ofSlot: slot) + UInt64(register)
    }
    @inline(__always) public static func interrupt(ofSlot slot: Int) -> UInt64 { firstInterrupt + UInt64(slot) }

    /// The bits of the backend's own notification.
    public enum BackendEvent {
        /// From the storage component: requests were answered, or a disk has changed.
        public static let storage: UInt64 = 1
        /// From the monitor: a word of the control page has changed.
        public static let control: UInt64 = 2
        /// The first of eight bits by which the doorbells of the slots report QueueNotify.
        public static let firstNotify: UInt64 = 8
    }

    /// The bit of the monitor's own notification by which the backend tells that a word of its page has changed.
    public static let monitorEvent: UInt64 = 1 << 9
}

/// The offsets of the registers of a virtio slot (virtio 1.2, 4.2.2), in bytes from the start of the slot.
public enum VirtioRegister {
    public static let magic = 0x00
    public static let version = 0x04
    public static let deviceID = 0x08
    public static let vendorID = 0x0C
    public static let deviceFeatures = 0x10
    public static let deviceFeaturesSelect = 0x14
    public static let driverFeatures = 0x20
    public static let driverFeaturesSelect = 0x24
    public static let queueSelect = 0x30
    public static let maximumQueueSize = 0x34
    public static let queueSize = 0x38
    public static let queueReady = 0x44
    public static let queueNotify = 0x50
    public static let interruptStatus = 0x60
    public static let interruptAcknowledge = 0x64
    public static let status = 0x70
    public static let descriptorsLow = 0x80
    public static let descriptorsHigh = 0x84
    public static let driverLow = 0x90
    public static let driverHigh = 0x94
    public static let deviceLow = 0xA0
    public static let deviceHigh = 0xA4
    public static let sharedMemoryLength = 0xB0
    public static let sharedMemoryBase = 0xB8
    public static let configurationGeneration = 0xFC
    public static let configuration = 0x100

    public static let magicValue: UInt32 = 0x7472_6976
    public static let versionValue: UInt32 = 2
    public static let blockDevice: UInt32 = 2
    /// The vendor that QEMU gives.
    public static let vendorValue: UInt32 = 0x554D_4551
}

/// The bits of a virtio device's status (virtio 1.2, 2.1).
public enum VirtioStatus {
    public static let acknowledge: UInt64 = 1
    public static let driver: UInt64 = 2
    public static let driverOK: UInt64 = 4
    public static let featuresOK: UInt64 = 8
    public static let needsReset: UInt64 = 0x40
    public static let failed: UInt64 = 0x80
}

/// The words of a slot in the control page. Each has 64 bits.
public enum VirtioControl {
    /// The number of resets of the device and of stops of its queues. The monitor raises it first. The backend uses the
    /// guest's memory only while the number is as the backend has seen it (`VirtioBackend.busy`).
    public static let generation = 0
    /// The number of resets of the device.
    public static let resets = 8
    /// The device's status, `VirtioStatus`.
    public static let status = 16
    /// The features that the guest's driver has accepted.
    public static let features = 24
    /// 1 if the guest wants that writes may stay in a cache until it flushes.
    public static let hasWriteCache = 32

    /// The first word of a queue. It is odd if the queue is ready, and rises each time that this changes.
    @inline(__always) public static func life(_ queue: Int) -> Int { 64 &+ 48 &* queue }
    @inline(__always) public static func size(_ queue: Int) -> Int { 72 &+ 48 &* queue }
    @inline(__always) public static func descriptors(_ queue: Int) -> Int { 80 &+ 48 &* queue }
    @inline(__always) public static func driver(_ queue: Int) -> Int { 88 &+ 48 &* queue }
    @inline(__always) public static func device(_ queue: Int) -> Int { 96 &+ 48 &* queue }
}

/// The words of a slot in the backend page. Each has 64 bits.
public enum VirtioBackend {
    public static let state = 0
    /// The features that the device offers.
    public static let features = 8
    /// The number of queues, and from bit 32 on the number of entries that each may have.
    public static let queues = 16
    /// 1 while the backend uses the memory of the guest for this slot. The backend sets it and then reads the
    /// generation; the monitor raises the generation and then reads this word. Both are sequentially consistent.
    public static let busy = 24
    /// The last generation that the backend has seen.
    public static let seenGeneration = 32
    /// 1 more than the number of resets at which the device became unusable, so that the monitor must set
    /// `VirtioStatus.needsReset`; 0 if it never did.
    public static let broken = 40

    /// The values of `state`.
    public enum State {
        /// The backend has not said yet whether the slot has a device.
        public static let unknown: UInt64 = 0
        public static let ready: UInt64 = 1
        public static let empty: UInt64 = 2
        /// The slot has a disk in the manifest, but the storage component does not serve it.
        public static let missing: UInt64 = 3
    }
}
