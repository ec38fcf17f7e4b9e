/// The driver's side of a split virtqueue (virtio 1.2, 2.7), in which each request takes one descriptor.
///
/// A request has a *tag*, which is the number of its descriptor. The descriptor leads to an indirect table of the same
/// number, and both never change while the device is in use. So a submission writes the request's header and the
/// descriptor of its data, and one entry of the available ring.
///
/// The queue trusts no word of the device. A number that the device writes is compared with the tags that are
/// outstanding, before it becomes an index.
struct RequestQueue<Memory: VirtioMemory> {
    private let memory: Memory
    let layout: QueueLayout
    private let hasEventIndex: Bool
    /// The index of the next entry of the available ring.
    private var availableIndex: UInt16 = 0
    /// The available index of which the device has heard.
    private var notifiedIndex: UInt16 = 0
    /// The index of the next element of the used ring.
    private var usedIndex: UInt16 = 0
    /// The used index that the device has shown last. Elements below it are read without another look.
    private var seenIndex: UInt16 = 0
    private var free = RequestSet()
    private var outstandingCount: UInt16 = 0
    /// The number of bytes that the device may write for each tag.
    private var writable: [UInt32]

    /// Makes a queue that nothing has been written for yet.
    init(memory: Memory, layout: QueueLayout, hasEventIndex: Bool) {
        (self.memory, self.layout, self.hasEventIndex) = (memory, layout, hasEventIndex)
        writable = [UInt32](repeating: 0, count: layout.count)
    }

    /// Clears both rings and writes all descriptors. The device does not use the memory meanwhile, because it was
    /// reset.
    mutating func prepare() {
        for offset in stride(from: 0, to: layout.size, by: 8) { memory[offset] = 0 }
        let tableSize = UInt64(16 * RequestLayout.descriptors)
        for tag in 0..<layout.count {
            let place = layout.request(tag)
            let address = memory.deviceAddress &+ UInt64(place)
            memory[16 * tag] = address &+ UInt64(RequestLayout.table)
            memory[16 * tag + 8] = tableSize | DescriptorFlags.indirect
            let table = place + RequestLayout.table
            memory[table] = address
            memory[table + 32] = address &+ UInt64(RequestLayout.status)
            memory[table + 40] = 1 | DescriptorFlags.deviceWrites
            free.insert(tag)
        }
        memory.order()
    }

    // MARK: Submissions

    /// Takes a free tag, or returns nil if there is none.
    @inline(__always) mutating func takeTag() -> Int? { free.removeFirst() }

    /// Data of a request, as the device sees it.
    struct Data {
        var address: UInt64
        var size: UInt32
        /// True if the device writes the data.
        var isForDriver: Bool
    }

    /// Gives the device a request. It hears of the request at the next `publish`.
    @inline(__always)
    mutating func submit(_ tag: Int, type: UInt32, sector: UInt64, data: Data?) {
        let place = layout.request(tag)
        memory[place &+ RequestLayout.header] = UInt64(type)
        memory[place &+ RequestLayout.sector] = sector
        // The device overwrites this with a status.
        memory[place &+ RequestLayout.status] = 0xFF
        let table = place &+ RequestLayout.table
        // The header leads to the data, or to the status.
        memory[table &+ 8] = 16 | DescriptorFlags.next | (data == nil ? 2 : 1) << 48
        writable[tag] = 1
        if let data {
            memory[table &+ 16] = data.address
            memory[table &+ 24] =
                UInt64(data.size) | DescriptorFlags.next | 2 << 48
                | (data.isForDriver ? DescriptorFlags.deviceWrites : 0)
            if data.isForDriver { writable[tag] = data.size &+ 1 }
        }
        let word = layout.availableWord(availableIndex)
        let shift = UInt64(availableIndex & 3) &* 16
        memory[word] = memory[word] & ~(0xFFFF &<< shift) | UInt64(tag) &<< shift
        availableIndex &+= 1
        outstandingCount &+= 1
    }

    /// Returns the data of a request that lies in the request's own memory, and whose first two words are these.
    mutating func payload(_ tag: Int, _ first: UInt64, _ second: UInt64) -> Data {
        let place = layout.request(tag) + RequestLayout.payload
        memory[place] = first
        memory[place + 8] = second
        return Data(address: memory.deviceAddress &+ UInt64(place), size: 16, isForDriver: false)
    }

    /// Returns the place in the request's own memory to which the device writes its identity.
    func identityPlace(_ tag: Int) -> Data {
        let place = UInt64(layout.request(tag) + RequestLayout.payload)
        return Data(
            address: memory.deviceAddress &+ place, size: UInt32(RequestLayout.identitySize), isForDriver: true)
    }

    /// Returns the identity that the device has written, with zeros behind its 20 bytes.
    func identity(_ tag: Int) -> InlineArray<3, UInt64> {
        let place = layout.request(tag) + RequestLayout.payload
        return [memory[place], memory[place + 8], memory[place + 16] & 0xFFFF_FFFF]
    }

    /// Shows the device all requests since the last call. Returns true if the device asks to be notified.
    @inline(__always)
    mutating func publish() -> Bool {
        guard availableIndex != notifiedIndex else { return false }
        memory.order()
        memory[layout.availableHeader] = UInt64(availableIndex) &<< 48
        memory.order()
        let former = notifiedIndex
        notifiedIndex = availableIndex
        guard hasEventIndex else { return memory[layout.usedHeader] &>> 32 & 1 == 0 }
        let event = UInt16(truncatingIfNeeded: memory[layout.availableEvent])
        return availableIndex &- event &- 1 < availableIndex &- former
    }

    // MARK: Completions

    enum Used {
        case none
        /// The device has finished the request of this tag, and has written so many bytes.
        case finished(tag: Int, length: UInt32)
        case lie(DeviceTrouble)
    }

    /// Returns the next request that the device has finished. The tag stays in use until `free`.
    @inline(__always)
    mutating func nextUsed() -> Used {
        if usedIndex == seenIndex {
            let index = UInt16(truncatingIfNeeded: memory[layout.usedHeader] &>> 48)
            guard index != usedIndex else { return .none }
            guard index &- usedIndex <= outstandingCount else { return .lie(.usedIndex) }
            seenIndex = index
            // The elements, data and statuses are read after the index.
            memory.order()
        }
        let element = memory[layout.usedElement(usedIndex)]
        usedIndex &+= 1
        guard element & 0xFFFF_FFFF < UInt64(layout.count) else { return .lie(.usedRequest) }
        let tag = Int(element & 0xFFFF_FFFF)
        guard !free.contains(tag) else { return .lie(.usedRequest) }
        let length = UInt32(truncatingIfNeeded: element &>> 32)
        guard length <= writable[tag] else { return .lie(.usedLength) }
        return .finished(tag: tag, length: length)
    }

    /// Returns the status that the device has written.
    @inline(__always) func status(_ tag: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: memory[layout.request(tag) &+ RequestLayout.status])
    }

    /// True if the device claims to have written all bytes of a request's data. Some devices do not count the status.
    @inline(__always) func isComplete(_ tag: Int, length: UInt32) -> Bool { length &+ 1 >= writable[tag] }

    @inline(__always) mutating func release(_ tag: Int) {
        free.insert(tag)
        outstandingCount &-= 1
    }

    /// Returns true if the device has the request of this tag.
    func isOutstanding(_ tag: Int) -> Bool { !free.contains(tag) }

    /// Asks the device for an interrupt when it finishes the next request. Returns false if it has finished one that
    /// the driver has not seen.
    mutating func willSleep() -> Bool {
        guard usedIndex == seenIndex else { return false }
        if hasEventIndex {
            memory[layout.usedEvent] = UInt64(usedIndex)
            memory.order()
        }
        return UInt16(truncatingIfNeeded: memory[layout.usedHeader] &>> 48) == usedIndex
    }
}
