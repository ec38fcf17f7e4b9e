import ABI
import VirtualPlatform

// The way of a chain into the backend: it is taken, read once, checked, and divided into requests for storage.
extension BlockBackend {
    /// The largest number of chains that a turn takes from one slot.
    private static var chainsPerTurn: Int { 16 }

    /// Takes chains of the slots whose guests have notified the device.
    @inline(__always)
    func takeChains() {
        var slotsToVisit = notified
        while slotsToVisit != 0 {
            let slot = slotsToVisit.trailingZeroBitCount
            slotsToVisit &= slotsToVisit &- 1
            notified &= ~(1 &<< UInt64(slot))
            if takeChains(slot) { notified |= 1 &<< UInt64(slot) }
        }
    }

    /// Takes chains of a slot.
    /// - Returns: true if more chains may be available.
    private func takeChains(_ slot: Int) -> Bool {
        guard slots[slot].isAttached else { return false }
        var budget = Self.chainsPerTurn
        // The queues from `firstQueue` on come first, and then those before it.
        let before: UInt64 = (1 &<< UInt64(slots[slot].firstQueue)) &- 1
        var queuesToVisit = slots[slot].activeQueues & ~before
        var later = slots[slot].activeQueues & before
        while queuesToVisit | later != 0 {
            if queuesToVisit == 0 { (queuesToVisit, later) = (later, 0) }
            let queue = queuesToVisit.trailingZeroBitCount
            queuesToVisit &= queuesToVisit &- 1
            let index = Self.index(slot, queue)
            while queues[index].isActive {
                guard !slots[slot].isBroken else { return false }
                guard open(slot) else { return true }
                if chainShares.allowance(slot) == 0 || table.waitingSlots & 1 &<< UInt64(slot) != 0 {
                    blocked |= 1 &<< UInt64(slot)
                    return false
                }
                if budget == 0 {
                    slots[slot].firstQueue = (queue &+ 1) & (VirtioPages.maximumQueues &- 1)
                    return true
                }
                do throws(QueueError) {
                    if let head = try nextHead(index) {
                        budget &-= 1
                        try start(slot, queue, head)
                    } else if try queues[index].queue.requestNotification(environment.ram) {
                        break
                    }
                } catch {
                    fail(slot)
                    return false
                }
            }
        }
        return false
    }

    /// Returns the next chain of a queue, which is marked as taken, or nil if none is available.
    @inline(__always)
    private func nextHead(_ index: Int) throws(QueueError) -> UInt16? {
        if queues[index].hasAgain {
            if let head = queues[index].again.first {
                queues[index].again.remove(head)
                return head
            }
            queues[index].hasAgain = false
        }
        guard let head = try queues[index].queue.nextHead(environment.ram) else { return nil }
        // The guest would get the chain back twice.
        guard !queues[index].record.marks.contains(head) else { throw .duplicate }
        queues[index].record.take(head, environment.lasting)
        queues[index].queue.take()
        return head
    }

    /// Reads a chain and begins to perform it.
    @inline(__always)
    private func start(_ slot: Int, _ queue: Int, _ head: UInt16) throws(QueueError) {
        guard let number = table.allocate() else { return }
        chainShares.take(1, slot)
        table.chains[number].slot = UInt8(truncatingIfNeeded: slot)
        table.chains[number].queue = UInt8(truncatingIfNeeded: queue)
        table.chains[number].head = head
        table.chains[number].life = queues[Self.index(slot, queue)].life
        do throws(QueueError) {
            try readBuffers(number)
            try readHeader(number)
        } catch {
            release(number, slot)
            throw error
        }
        submitParts(number)
        if table.chains[number].isFinished {
            finish(number)
        } else if !table.chains[number].isSubmitted {
            table.wait(number)
        }
    }

    @inline(__always)
    func release(_ number: Int, _ slot: Int) {
        table.release(number)
        chainShares.give(1, slot)
    }

    /// Reads the descriptors of a chain into the table.
    @inline(__always)
    private func readBuffers(_ number: Int) throws(QueueError) {
        let chain = table.chains[number]
        var count = 0
        var readable = 0
        try queues[Self.index(Int(chain.slot), Int(chain.queue))].queue.forEachBuffer(
            of: chain.head, limit: BlockLimit.chain, environment.ram
        ) { range, isWritten in
            table.setBuffer(count, of: number, range)
            count &+= 1
            if !isWritten { readable &+= 1 }
        }
        table.chains[number].count = UInt8(truncatingIfNeeded: count)
        table.chains[number].readableCount = UInt8(truncatingIfNeeded: readable)
    }

    // MARK: The header

    /// Reads the header and decides on the request (5.2.6). Buffers may divide the bytes in any way (2.7.4).
    @inline(__always)
    private func readHeader(_ number: Int) throws(QueueError) {
        let chain = table.chains[number]
        let readable = table.size(of: number, chain, isWritten: false)
        let writable = table.size(of: number, chain, isWritten: true)
        guard readable >= 16, writable >= 1 else { throw .shortChain }
        let header = bytes(of: number, at: 0)
        table.chains[number].sector = header.second
        switch header.first & 0xFFFF_FFFF {
        case BlockType.read: accept(number, .read, length: writable &- 1)
        case BlockType.write: accept(number, .write, length: readable &- 16)
        case BlockType.flush:
            table.chains[number].operation = .flush
            table.chains[number].length = 0
        case BlockType.identify: identify(number, room: writable &- 1)
        case BlockType.discard: acceptRange(number, .discard, readable)
        case BlockType.writeZeroes: acceptRange(number, .writeZeroes, readable)
        default: end(number, .unsupported)
        }
    }

    /// Gives a chain a status without a request to storage.
    private func end(_ number: Int, _ status: RequestStatus) {
        table.chains[number].status = status
        table.chains[number].isSubmitted = true
    }

    @inline(__always)
    private func accept(_ number: Int, _ operation: BlockOperation, length: UInt64) {
        table.chains[number].operation = operation
        table.chains[number].length = length
        if operation == .read { table.chains[number].written = length }
        guard length & 511 == 0, isInDisk(number, sectors: length / 512), operation == .read || mayWrite(number)
        else { return end(number, .ioError) }
        if length == 0 { return end(number, .ok) }
        let isWritten = operation == .read
        table.chains[number].next = table.place(
            of: number, table.chains[number], isWritten: isWritten, offset: isWritten ? 0 : 16)
    }

    /// Decides on a discard or a write of zeroes, which names one range (5.2.6.2).
    @inline(never)
    private func acceptRange(_ number: Int, _ operation: BlockOperation, _ readable: UInt64) {
        let features = slots[Int(table.chains[number].slot)].disk?.features ?? BlockDiskFeatures()
        let isOffered = features.contains(operation == .discard ? .discard : .writeZeroes)
        guard isOffered else { return end(number, .unsupported) }
        guard mayWrite(number), readable == 32 else { return end(number, .ioError) }
        let range = bytes(of: number, at: 16)
        let count = UInt32(truncatingIfNeeded: range.second)
        let flags = UInt32(truncatingIfNeeded: range.second >> 32)
        // Only a write of zeroes has a flag: it may give the space back.
        guard flags & ~(operation == .writeZeroes ? 1 : 0) == 0 else { return end(number, .unsupported) }
        table.chains[number].operation = operation
        table.chains[number].sector = range.first
        table.chains[number].length = UInt64(count) &* 512
        guard count <= BlockLimit.sectorsOfRange, isInDisk(number, sectors: UInt64(count)) else {
            return end(number, .ioError)
        }
        if count == 0 { end(number, .ok) }
    }

    @inline(__always)
    private func isInDisk(_ number: Int, sectors: UInt64) -> Bool {
        let chain = table.chains[number]
        let capacity = slots[Int(chain.slot)].disk?.capacity ?? 0
        return chain.sector <= capacity && capacity &- chain.sector >= sectors
    }

    @inline(__always)
    private func mayWrite(_ number: Int) -> Bool {
        guard let disk = slots[Int(table.chains[number].slot)].disk else { return false }
        return !disk.features.contains(.readOnly)
    }

    /// Writes the disk's identity (VIRTIO_BLK_T_GET_ID).
    @inline(never)
    private func identify(_ number: Int, room: UInt64) {
        let identity = slots[Int(table.chains[number].slot)].disk?.identity ?? InlineArray(repeating: 0)
        let length = min(room, 20)
        let first = table.place(of: number, table.chains[number], isWritten: true, offset: 0)
        forEachPiece(of: number, from: first, length: length) { range, place in
            for index in 0..<range.size {
                let byte = place &+ index
                let value = identity[Int(byte >> 3)] >> (8 &* (byte & 7)) & 0xFF
                environment.ram.store(value, range.part(at: index, size: 1))
            }
        }
        table.chains[number].operation = .read
        table.chains[number].written = length
        end(number, .ok)
    }

    /// Returns 16 bytes of those that the device reads, which the caller knows to exist.
    @inline(__always)
    private func bytes(of number: Int, at offset: UInt64) -> (first: UInt64, second: UInt64) {
        let first = table.buffer(0, of: number)
        if offset == 0, first.size >= 16, first.address & 7 == 0 {
            let ram = environment.ram
            return (ram.load(first.part(at: 0, size: 8)), ram.load(first.part(at: 8, size: 8)))
        }
        return scatteredBytes(of: number, at: offset)
    }

    @inline(never)
    private func scatteredBytes(of number: Int, at offset: UInt64) -> (first: UInt64, second: UInt64) {
        var words: (first: UInt64, second: UInt64) = (0, 0)
        let first = table.place(of: number, table.chains[number], isWritten: false, offset: offset)
        forEachPiece(of: number, from: first, length: 16) { range, place in
            for index in 0..<range.size {
                let byte = environment.ram.load(range.part(at: index, size: 1))
                let position = place &+ index
                if position < 8 {
                    words.first |= byte << (8 &* position)
                } else {
                    words.second |= byte << (8 &* (position &- 8))
                }
            }
        }
        return words
    }
}
