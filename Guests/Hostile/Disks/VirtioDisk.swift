import GuestHardware
import GuestSupport

/// The registers of a virtio-mmio device (virtio 1.2, 4.2.2) that this program uses.
enum Register {
    static let magic: UInt64 = 0x00
    static let deviceID: UInt64 = 0x08
    static let deviceFeatures: UInt64 = 0x10
    static let deviceFeaturesSelect: UInt64 = 0x14
    static let driverFeatures: UInt64 = 0x20
    static let driverFeaturesSelect: UInt64 = 0x24
    static let queueSelect: UInt64 = 0x30
    static let queueSize: UInt64 = 0x38
    static let queueReady: UInt64 = 0x44
    static let queueNotify: UInt64 = 0x50
    static let interruptAcknowledge: UInt64 = 0x64
    static let status: UInt64 = 0x70
    static let descriptors: UInt64 = 0x80
    static let driver: UInt64 = 0x90
    static let device: UInt64 = 0xA0
    static let capacity: UInt64 = 0x100
}

/// The types of requests (virtio 1.2, 5.2.6).
enum RequestType {
    static let read: UInt32 = 0
    static let write: UInt32 = 1
    static let flush: UInt32 = 4
    static let identify: UInt32 = 8
    static let discard: UInt32 = 11
    static let writeZeroes: UInt32 = 13
}

/// The flags of a descriptor (virtio 1.2, 2.7.5).
enum DescriptorFlag {
    static let next: UInt64 = 1
    static let write: UInt64 = 2
    static let indirect: UInt64 = 4
}

/// A virtio block device and the memory of its only queue.
struct VirtioDisk {
    let slot: UInt64
    /// The number of entries of the queue.
    var size: UInt64 = 16
    var features: UInt64 = 0
    var available: UInt16 = 0
    var seen: UInt16 = 0

    init(slot: UInt64) { self.slot = slot }

    var base: UInt64 { 0x0A00_0000 + 0x200 * slot }
    var interrupt: UInt64 { 48 + slot }
    /// The part of the arena for this disk.
    var memory: UInt64 { Arena.start + 0x20_0000 * slot }
    var descriptors: UInt64 { memory }
    var driver: UInt64 { memory + 0x2000 }
    var device: UInt64 { memory + 0x4000 }
    func header(_ number: UInt64) -> UInt64 { memory + 0x8000 + 64 * number }
    func status(_ number: UInt64) -> UInt64 { header(number) + 48 }
    func table(_ number: UInt64) -> UInt64 { memory + 0x1_0000 + 0x100 * number }
    func data(_ number: UInt64) -> UInt64 { memory + 0x10_0000 + 0x4000 * number }

    func load(_ register: UInt64) -> UInt32 { guest_load32(base + register) }
    func store(_ register: UInt64, _ value: UInt64) {
        guest_store32(base + register, UInt32(truncatingIfNeeded: value))
    }
    func storeAddress(_ register: UInt64, _ value: UInt64) {
        store(register, value)
        store(register + 4, value >> 32)
    }

    var capacity: UInt64 { UInt64(load(Register.capacity)) | UInt64(load(Register.capacity + 4)) << 32 }
    var needsReset: Bool { load(Register.status) & 0x40 != 0 }

    static let indirect: UInt64 = 1 << 28
    static let eventIndex: UInt64 = 1 << 29
    static let version1: UInt64 = 1 << 32

    /// Resets the device, and negotiates features: all that it offers without those of `omitted`.
    /// - Returns: false if the device does not answer as virtio demands.
    mutating func negotiate(omitting omitted: UInt64) -> Bool {
        store(Register.status, 0)
        guard load(Register.status) == 0, load(Register.magic) == 0x7472_6976, load(Register.deviceID) == 2 else {
            return false
        }
        store(Register.status, 1)
        store(Register.status, 3)
        store(Register.deviceFeaturesSelect, 0)
        features = UInt64(load(Register.deviceFeatures))
        store(Register.deviceFeaturesSelect, 1)
        features |= UInt64(load(Register.deviceFeatures)) << 32
        features &= ~omitted
        for word in 0..<2 as Range<UInt64> {
            store(Register.driverFeaturesSelect, word)
            store(Register.driverFeatures, features >> (32 * word))
        }
        store(Register.status, 11)
        return load(Register.status) == 11
    }

    /// States the places of the queue, and starts the device.
    func startQueue(size: UInt64, descriptors: UInt64, driver: UInt64, device: UInt64) {
        store(Register.queueSelect, 0)
        store(Register.queueSize, size)
        storeAddress(Register.descriptors, descriptors)
        storeAddress(Register.driver, driver)
        storeAddress(Register.device, device)
        store(Register.queueReady, 1)
        store(Register.status, 15)
    }

    /// Clears the rings, and starts the device with them.
    /// - Returns: false if the device does not start.
    mutating func start() -> Bool {
        for place in stride(from: memory, to: memory + 0x6000, by: 8) { guest_store64(place, 0) }
        (available, seen) = (0, 0)
        startQueue(size: size, descriptors: descriptors, driver: driver, device: device)
        return load(Register.status) == 15 && load(Register.queueReady) == 1
    }

    func setDescriptor(_ index: UInt64, _ address: UInt64, _ length: UInt64, _ flags: UInt64, next: UInt64 = 0) {
        setEntry(descriptors + 16 * index, address, length, flags, next: next)
    }
    func setEntry(_ place: UInt64, _ address: UInt64, _ length: UInt64, _ flags: UInt64, next: UInt64 = 0) {
        guest_store64(place, address)
        guest_store64(place + 8, length & 0xFFFF_FFFF | (flags & 0xFFFF) << 32 | (next & 0xFFFF) << 48)
    }

    /// Makes a chain available, and does not notify the device.
    mutating func offer(_ head: UInt64) {
        guest_store16(driver + 4 + 2 * (UInt64(available) & (size - 1)), UInt16(truncatingIfNeeded: head))
        available &+= 1
        guest_store16(driver + 2, available)
    }

    var used: UInt16 { guest_load16(device + 2) }

    /// Waits until the device has used all chains that were offered.
    /// - Returns: false if it has not after two minutes, or needs a reset.
    func awaitAll() -> Bool {
        let end = guest_counter() + 120 * guest_counter_frequency()
        while used != available {
            if needsReset || guest_counter() > end { return false }
            Sleep.milliseconds(2)
            store(Register.interruptAcknowledge, 3)
        }
        return true
    }
}

/// Sleep with interrupts masked: a pending interrupt ends it, and is acknowledged.
enum Sleep {
    static func milliseconds(_ count: UInt64) { ticks(count * guest_counter_frequency() / 1000) }

    static func ticks(_ count: UInt64) {
        guest_start_timer(count)
        guest_wait_for_interrupt()
        let interrupt = guest_acknowledge_interrupt()
        guest_stop_timer()
        if interrupt < 1020 { guest_end_interrupt(interrupt) }
    }
}
