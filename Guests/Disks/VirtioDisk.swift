import GuestHardware
import GuestSupport

/// The registers of a virtio-mmio device (virtio 1.2, 4.2.2) that this program uses.
public enum DiskRegister {
    public static let magic: UInt64 = 0x00
    public static let deviceID: UInt64 = 0x08
    public static let deviceFeatures: UInt64 = 0x10
    public static let deviceFeaturesSelect: UInt64 = 0x14
    public static let driverFeatures: UInt64 = 0x20
    public static let driverFeaturesSelect: UInt64 = 0x24
    public static let queueSelect: UInt64 = 0x30
    public static let queueSize: UInt64 = 0x38
    public static let queueReady: UInt64 = 0x44
    public static let queueNotify: UInt64 = 0x50
    public static let interruptAcknowledge: UInt64 = 0x64
    public static let status: UInt64 = 0x70
    public static let descriptors: UInt64 = 0x80
    public static let driver: UInt64 = 0x90
    public static let device: UInt64 = 0xA0
    public static let capacity: UInt64 = 0x100
}

/// The types of requests (virtio 1.2, 5.2.6).
public enum RequestType {
    public static let read: UInt32 = 0
    public static let write: UInt32 = 1
    public static let flush: UInt32 = 4
    public static let identify: UInt32 = 8
    public static let discard: UInt32 = 11
    public static let writeZeroes: UInt32 = 13
}

/// The flags of a descriptor (virtio 1.2, 2.7.5).
public enum DescriptorFlag {
    public static let next: UInt64 = 1
    public static let write: UInt64 = 2
    public static let indirect: UInt64 = 4
}

/// A virtio block device and the memory of its only queue.
public struct VirtioDisk {
    public let slot: UInt64
    /// The number of entries of the queue.
    public var size: UInt64 = 16
    public var features: UInt64 = 0
    public var available: UInt16 = 0
    public var seen: UInt16 = 0

    /// The start of the memory for rings and buffers of all disks, which ends at 0x4100_0000.
    public static let arena: UInt64 = 0x4080_0000

    public init(slot: UInt64) { self.slot = slot }

    public var base: UInt64 { 0x0A00_0000 + 0x200 * slot }
    public var interrupt: UInt64 { 48 + slot }
    /// This disk's part of the memory for rings and buffers.
    public var memory: UInt64 { VirtioDisk.arena + 0x20_0000 * slot }
    public var descriptors: UInt64 { memory }
    public var driver: UInt64 { memory + 0x2000 }
    public var device: UInt64 { memory + 0x4000 }
    public func header(_ number: UInt64) -> UInt64 { memory + 0x8000 + 64 * number }
    public func status(_ number: UInt64) -> UInt64 { header(number) + 48 }
    public func table(_ number: UInt64) -> UInt64 { memory + 0x1_0000 + 0x100 * number }
    public func data(_ number: UInt64) -> UInt64 { memory + 0x10_0000 + 0x4000 * number }

    public func load(_ register: UInt64) -> UInt32 { guest_load32(base + register) }
    public func store(_ register: UInt64, _ value: UInt64) {
        guest_store32(base + register, UInt32(truncatingIfNeeded: value))
    }
    public func storeAddress(_ register: UInt64, _ value: UInt64) {
        store(register, value)
        store(register + 4, value >> 32)
    }

    public var capacity: UInt64 { UInt64(load(DiskRegister.capacity)) | UInt64(load(DiskRegister.capacity + 4)) << 32 }
    public var needsReset: Bool { load(DiskRegister.status) & 0x40 != 0 }

    public static let indirect: UInt64 = 1 << 28
    public static let eventIndex: UInt64 = 1 << 29
    public static let version1: UInt64 = 1 << 32

    /// Resets the device, and negotiates features: all that it offers without those of `omitted`.
    /// - Returns: false if the device does not answer as virtio demands.
    public mutating func negotiate(omitting omitted: UInt64) -> Bool {
        store(DiskRegister.status, 0)
        guard load(DiskRegister.status) == 0, load(DiskRegister.magic) == 0x7472_6976, load(DiskRegister.deviceID) == 2
        else {
            return false
        }
        store(DiskRegister.status, 1)
        store(DiskRegister.status, 3)
        store(DiskRegister.deviceFeaturesSelect, 0)
        features = UInt64(load(DiskRegister.deviceFeatures))
        store(DiskRegister.deviceFeaturesSelect, 1)
        features |= UInt64(load(DiskRegister.deviceFeatures)) << 32
        features &= ~omitted
        for word in 0..<2 as Range<UInt64> {
            store(DiskRegister.driverFeaturesSelect, word)
            store(DiskRegister.driverFeatures, features >> (32 * word))
        }
        store(DiskRegister.status, 11)
        return load(DiskRegister.status) == 11
    }

    /// States the places of the queue, and starts the device.
    public func startQueue(size: UInt64, descriptors: UInt64, driver: UInt64, device: UInt64) {
        store(DiskRegister.queueSelect, 0)
        store(DiskRegister.queueSize, size)
        storeAddress(DiskRegister.descriptors, descriptors)
        storeAddress(DiskRegister.driver, driver)
        storeAddress(DiskRegister.device, device)
        store(DiskRegister.queueReady, 1)
        store(DiskRegister.status, 15)
    }

    /// Clears the rings, and starts the device with them.
    /// - Returns: false if the device does not start.
    public mutating func start() -> Bool {
        for place in stride(from: memory, to: memory + 0x6000, by: 8) { guest_store64(place, 0) }
        (available, seen) = (0, 0)
        startQueue(size: size, descriptors: descriptors, driver: driver, device: device)
        return load(DiskRegister.status) == 15 && load(DiskRegister.queueReady) == 1
    }

    public func setDescriptor(_ index: UInt64, _ address: UInt64, _ length: UInt64, _ flags: UInt64, next: UInt64 = 0) {
        setEntry(descriptors + 16 * index, address, length, flags, next: next)
    }
    public func setEntry(_ place: UInt64, _ address: UInt64, _ length: UInt64, _ flags: UInt64, next: UInt64 = 0) {
        guest_store64(place, address)
        guest_store64(place + 8, length & 0xFFFF_FFFF | (flags & 0xFFFF) << 32 | (next & 0xFFFF) << 48)
    }

    /// Makes a chain available, and does not notify the device.
    public mutating func offer(_ head: UInt64) {
        guest_store16(driver + 4 + 2 * (UInt64(available) & (size - 1)), UInt16(truncatingIfNeeded: head))
        available &+= 1
        guest_store16(driver + 2, available)
    }

    public var used: UInt16 { guest_load16(device + 2) }

    /// Waits until the device has used all chains that were offered.
    /// - Returns: false if it has not after two minutes, or needs a reset.
    public func awaitAll() -> Bool {
        let end = guest_counter() + 120 * guest_counter_frequency()
        while used != available {
            if needsReset || guest_counter() > end { return false }
            Sleep.milliseconds(2)
            store(DiskRegister.interruptAcknowledge, 3)
        }
        return true
    }
}

/// Sleep with interrupts masked: a pending interrupt ends it, and is acknowledged.
public enum Sleep {
    public static func milliseconds(_ count: UInt64) { ticks(count * guest_counter_frequency() / 1000) }

    public static func ticks(_ count: UInt64) {
        guest_start_timer(count)
        guest_wait_for_interrupt()
        let interrupt = guest_acknowledge_interrupt()
        guest_stop_timer()
        if interrupt < 1020 { guest_end_interrupt(interrupt) }
    }
}
