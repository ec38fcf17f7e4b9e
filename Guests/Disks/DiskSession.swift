import GuestHardware
import GuestSupport

/// A well-behaved use of a disk, with its results checked.
public struct DiskSession {
    public var disk: VirtioDisk
    /// The number of requests whose results were right.
    public var verified: UInt64 = 0

    /// Starts the device with some of its features and a size of the queue.
    public init?(slot: UInt64, _ random: inout Random) {
        disk = VirtioDisk(slot: slot)
        disk.size = 32 << random.next(below: 4)
        var omitted: UInt64 = 0
        if random.next(below: 3) == 0 { omitted |= VirtioDisk.indirect }
        if random.next(below: 3) == 0 { omitted |= VirtioDisk.eventIndex }
        guard disk.negotiate(omitting: omitted), disk.start() else { return nil }
        InterruptController.enableShared(disk.interrupt)
    }

    /// Writes, reads and compares at random sectors.
    /// - Returns: nil if all was right, or a description of what was not.
    public mutating func exercise(_ random: inout Random, from first: UInt64, sectors: UInt64, times: UInt64)
        -> StaticString?
    {
        for _ in 0..<times {
            let count = 1 + random.next(below: 16)
            let sector = first + random.next(below: sectors - 16)
            let pattern = random.next()
            if let trouble = write(pattern, sector, count) { return trouble }
            if random.next(below: 4) == 0, let trouble = perform(RequestType.flush, 0, 0) { return trouble }
            if let trouble = read(sector, count) { return trouble }
            for index in 0..<count where !has(pattern, index) { return "a sector has other contents" }
            verified += 2
        }
        return perform(RequestType.identify, 0, 0)
    }

    // MARK: One request

    public mutating func write(_ pattern: UInt64, _ sector: UInt64, _ count: UInt64) -> StaticString? {
        for place in stride(from: 0, to: 512 * count, by: 8) {
            guest_store64(disk.data(0) + place, DiskSession.word(pattern, place))
        }
        return perform(RequestType.write, sector, count)
    }

    public mutating func read(_ sector: UInt64, _ count: UInt64) -> StaticString? {
        for place in stride(from: 0, to: 512 * count, by: 8) { guest_store64(disk.data(0) + place, 0) }
        return perform(RequestType.read, sector, count)
    }

    /// Returns whether a sector of the data that was read last has a pattern.
    public func has(_ pattern: UInt64, _ index: UInt64) -> Bool {
        for place in stride(from: 512 * index, to: 512 * index + 512, by: 8)
        where guest_load64(disk.data(0) + place) != DiskSession.word(pattern, place) { return false }
        return true
    }

    private static func word(_ pattern: UInt64, _ place: UInt64) -> UInt64 { pattern &+ place &* 0x9E37_79B9_7F4A_7C15 }

    /// Performs a request with the data at `data(0)`.
    public mutating func perform(_ type: UInt32, _ sector: UInt64, _ count: UInt64) -> StaticString? {
        let isIndirect = disk.features & VirtioDisk.indirect != 0 && sector & 1 == 0
        disk.makeRequest(0, type, sector, bytes: type == RequestType.identify ? 20 : 512 * count, isIndirect)
        disk.offer(0)
        disk.store(DiskRegister.queueNotify, 0)
        guard disk.awaitAll() else {
            return disk.needsReset ? "the device needs a reset" : "the device does not answer"
        }
        return guest_load8(disk.status(0)) == 0 ? nil : "a request failed"
    }
}

extension VirtioDisk {
    /// Writes the header and the descriptors of a request: `number` of its buffers, and three descriptors from
    /// `3 * number` on.
    public func makeRequest(_ number: UInt64, _ type: UInt32, _ sector: UInt64, bytes: UInt64, _ isIndirect: Bool) {
        guest_store64(header(number), UInt64(type))
        guest_store64(header(number) + 8, sector)
        guest_store8(status(number), 0xEE)
        let first = 3 * number
        let place = isIndirect ? table(number) : descriptors + 16 * first
        let base = isIndirect ? 0 : first
        let isRead = type == RequestType.read || type == RequestType.identify
        setEntry(place, header(number), 16, DescriptorFlag.next, next: base + 1)
        var index: UInt64 = 1
        if bytes > 0 {
            let flags = DescriptorFlag.next | (isRead ? DescriptorFlag.write : 0)
            setEntry(place + 16, data(number), bytes, flags, next: base + 2)
            index = 2
        }
        setEntry(place + 16 * index, status(number), 1, DescriptorFlag.write)
        if isIndirect { setDescriptor(first, table(number), 16 * (index + 1), DescriptorFlag.indirect) }
    }
}
