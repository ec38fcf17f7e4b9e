import ABI
import VirtualPlatform

// The device's side of a split virtqueue (virtio 1.2, 2.7). Its three areas lie in the RAM of a hostile guest. Every
// number in them is an allegation: it is read once, checked, and then used. A wrong one is an error of this queue. No
// step does more work than the queue has entries.

/// A violation of the rules by the guest's driver. The device needs a reset after it (virtio 1.2, 2.1.2).
public enum QueueError: Error, Equatable {
    /// An area of the queue is not aligned, not RAM, or has no size that a queue can have.
    case badArea
    /// The available index is ahead of the device by more entries than the queue has, or runs backwards.
    case badIndex
    /// A chain begins or continues at a descriptor that the table does not have.
    case badDescriptor
    /// A chain has more descriptors than the device permits, because it is a loop, for example.
    case longChain
    /// A buffer has no bytes, or is not RAM as a whole.
    case badBuffer
    /// A buffer that the device reads comes after one that the device writes.
    case badOrder
    /// An indirect table is not aligned, has another size than its entries, or lies where none may be.
    case badIndirect
    /// A chain is available that the device has not used yet.
    case duplicate
    /// A chain is too short for a request of the device.
    case shortChain
}

/// The places and the size of a virtqueue, as the guest states them.
public struct QueueAddresses: Equatable, Sendable {
    public var size: UInt64
    public var descriptors: UInt64
    public var driver: UInt64
    public var device: UInt64

    public init(size: UInt64, descriptors: UInt64, driver: UInt64, device: UInt64) {
        (self.size, self.descriptors, self.driver, self.device) = (size, descriptors, driver, device)
    }
}

/// The state of a virtqueue in its device: a plain value. The guest's memory has the rest.
public struct VirtQueue {
    /// The number of entries; a power of two.
    public let size: UInt16
    let usesEventIndex: Bool
    private let permitsIndirect: Bool
    private let descriptors: GuestRange
    private let driver: GuestRange
    private let device: GuestRange
    /// The number of chains that the device has taken, modulo 2¹⁶.
    public private(set) var taken: UInt16
    /// The number of chains that the device has used, modulo 2¹⁶.
    public private(set) var used: UInt16
    /// The available index as the device has last read it.
    private var available: UInt16
    /// The value of `used` when the device last decided on an interrupt.
    private var decided: UInt16

    /// Makes a queue that is not ready. None of its functions may be called.
    init() {
        (size, usesEventIndex, permitsIndirect) = (1, false, false)
        (descriptors, driver, device) = (.none, .none, .none)
        (taken, used, available, decided) = (0, 0, 0, 0)
    }

    /// Makes the state of a queue.
    /// - Parameters:
    ///   - taken, used: the numbers of chains that a previous life of the device has taken and used; 0 for a queue that
    ///     begins.
    public init(
        _ addresses: QueueAddresses, bounds: GuestBounds, usesEventIndex: Bool, permitsIndirect: Bool,
        taken: UInt16 = 0, used: UInt16 = 0
    ) throws(QueueError) {
        guard 1...UInt64(VirtioPages.maximumQueueSize) ~= addresses.size, addresses.size & (addresses.size &- 1) == 0,
            let descriptors = bounds.range(at: addresses.descriptors, size: 16 &* addresses.size, alignedTo: 16),
            let driver = bounds.range(at: addresses.driver, size: 6 &+ 2 &* addresses.size, alignedTo: 2),
            let device = bounds.range(at: addresses.device, size: 6 &+ 8 &* addresses.size, alignedTo: 4)
        else { throw .badArea }
        (self.descriptors, self.driver, self.device) = (descriptors, driver, device)
        size = UInt16(truncatingIfNeeded: addresses.size)
        (self.usesEventIndex, self.permitsIndirect) = (usesEventIndex, permitsIndirect)
        (self.taken, self.used) = (taken, used)
        (available, decided) = (taken, used)
    }

    @inline(__always) private func place(_ index: UInt16) -> UInt64 { UInt64(index & (size &- 1)) }

    // MARK: Chains that are available

    /// Returns the first descriptor of the next chain, or nil if the guest has made none available.
    @inline(__always)
    public mutating func nextHead<RAM: GuestRAM>(_ ram: RAM) throws(QueueError) -> UInt16? {
        if available == taken, try !lookForMore(ram) { return nil }
        let head = UInt16(truncatingIfNeeded: ram.load(driver.part(at: 4 &+ 2 &* place(taken), size: 2)))
        guard head < size else { throw .badDescriptor }
        return head
    }

    /// Counts the chain that `nextHead` has returned as taken.
    @inline(__always) public mutating func take() { taken &+= 1 }

    /// Reads the available index again. Returns false if no chain is available.
    @inline(__always)
    private mutating func lookForMore<RAM: GuestRAM>(_ ram: RAM) throws(QueueError) -> Bool {
        // The guest stores the ring's entry before the index (2.7.13.3), so that the entry is read after it.
        let index = UInt16(truncatingIfNeeded: ram.loadOrdered(driver.part(at: 2, size: 2)))
        // Chains that the device has taken and not used yet cannot be available again.
        guard index &- used <= size, index &- used >= taken &- used else { throw .badIndex }
        available = index
        return index != taken
    }

    /// Asks the guest not to notify the device for a while. With an event index, an old one has this effect.
    @inline(__always)
    public func silence<RAM: GuestRAM>(_ ram: RAM) {
        if !usesEventIndex { ram.store(1, device.part(at: 0, size: 2)) }
    }

    /// Asks the guest to notify the device of the next chain. Returns false if one is available already.
    @inline(__always)
    public mutating func requestNotification<RAM: GuestRAM>(_ ram: RAM) throws(QueueError) -> Bool {
        // The guest stores the available index and then reads this word; the device does both in the other order. All
        // four accesses are sequentially consistent (2.7.13.4), so that at least one of the two sees the other.
        if usesEventIndex {
            ram.storeOrdered(UInt64(taken), device.part(at: 4 &+ 8 &* UInt64(size), size: 2))
        } else {
            ram.storeOrdered(0, device.part(at: 0, size: 2))
        }
        return try !lookForMore(ram)
    }

    // MARK: The chains' buffers

    /// Calls `body` with each buffer of a chain, and whether the device writes it. Reads each descriptor once.
    /// - Parameter limit: the largest number of buffers.
    @inline(__always)
    public func forEachBuffer<RAM: GuestRAM>(
        of head: UInt16, limit: Int, _ ram: RAM, _ body: (GuestRange, Bool) -> Void
    ) throws(QueueError) {
        var table = descriptors
        var entries = UInt64(size)
        var isIndirect = false
        var index = UInt64(head)
        var isWritten = false
        var count = 0
        while true {
            guard index < entries else { throw .badDescriptor }
            let descriptor = Descriptor(table, index, ram)
            if descriptor.isIndirect {
                // 2.7.5.3.1: no table in a table, and no chain that goes on behind a table.
                guard permitsIndirect, !isIndirect, !descriptor.continues, descriptor.length & 15 == 0,
                    let inner = ram.bounds.range(at: descriptor.address, size: descriptor.length, alignedTo: 8)
                else { throw .badIndirect }
                (table, entries, isIndirect, index) = (inner, descriptor.length / 16, true, 0)
                continue
            }
            count &+= 1
            guard count <= limit else { throw .longChain }
            guard let range = ram.bounds.range(at: descriptor.address, size: descriptor.length) else {
                throw .badBuffer
            }
            guard descriptor.isWritten || !isWritten else { throw .badOrder }
            isWritten = descriptor.isWritten
            body(range, isWritten)
            guard descriptor.continues else { return }
            index = descriptor.next
        }
    }

    /// An entry of a table, read once.
    private struct Descriptor {
        let address: UInt64
        private let rest: UInt64

        @inline(__always)
        init<RAM: GuestRAM>(_ table: GuestRange, _ index: UInt64, _ ram: RAM) {
            address = ram.load(table.part(at: 16 &* index, size: 8))
            rest = ram.load(table.part(at: 16 &* index &+ 8, size: 8))
        }

        @inline(__always) var length: UInt64 { rest & 0xFFFF_FFFF }
        @inline(__always) var continues: Bool { rest & 1 << 32 != 0 }
        @inline(__always) var isWritten: Bool { rest & 2 << 32 != 0 }
        @inline(__always) var isIndirect: Bool { rest & 4 << 32 != 0 }
        @inline(__always) var next: UInt64 { rest >> 48 }
    }

    // MARK: Chains that the device has used

    /// Gives a chain back to the guest.
    /// - Parameter length: the number of bytes that the device has written.
    @inline(__always)
    public mutating func use<RAM: GuestRAM>(_ head: UInt16, length: UInt32, _ ram: RAM) {
        let entry = 4 &+ 8 &* place(used)
        ram.store(UInt64(head), device.part(at: entry, size: 4))
        ram.store(UInt64(length), device.part(at: entry &+ 4, size: 4))
        used &+= 1
        // The guest reads the entry after the index (2.7.8.2).
        ram.storeOrdered(UInt64(used), device.part(at: 2, size: 2))
    }

    /// Returns the used index in the guest's memory, which the guest can change.
    @inline(__always)
    public func publishedIndex<RAM: GuestRAM>(_ ram: RAM) -> UInt16 {
        UInt16(truncatingIfNeeded: ram.loadOrdered(device.part(at: 2, size: 2)))
    }

    /// Returns whether the guest wants an interrupt for the chains that were used since the last call (2.7.7, 2.7.10).
    @inline(__always)
    public mutating func needsInterrupt<RAM: GuestRAM>(_ ram: RAM) -> Bool {
        let old = decided
        decided = used
        guard usesEventIndex else { return ram.loadOrdered(driver.part(at: 0, size: 2)) & 1 == 0 }
        let event = UInt16(truncatingIfNeeded: ram.loadOrdered(driver.part(at: 4 &+ 2 &* UInt64(size), size: 2)))
        return used &- event &- 1 < used &- old
    }
}
