import ABI
import VirtualPlatform

// The chains that a backend performs, and the parts in which it performs them. All of it is the backend's own memory:
// a next life begins with none, and takes the chains again (InFlight.swift).

/// A request of the guest that was taken and not given back yet.
struct Chain {
    var slot: UInt8 = 0
    var queue: UInt8 = 0
    var head: UInt16 = 0
    /// The place of the first byte for which no request was submitted: a buffer, and the bytes of it that are behind.
    var nextOffset: UInt32 = 0
    /// The life of the queue in which the chain was taken.
    var life: UInt64 = 0
    var operation = BlockOperation.flush
    var sector: UInt64 = 0
    /// The number of bytes of the disk that it concerns.
    var length: UInt64 = 0
    /// The number of bytes for which requests were submitted.
    var submitted: UInt64 = 0
    /// The number of bytes that the device writes into the guest's buffers, if the request succeeds.
    var written: UInt64 = 0
    /// True if no request follows.
    var isSubmitted = false
    /// The number of requests without an answer.
    var outstanding: UInt16 = 0
    var status = RequestStatus.ok
    /// The number of buffers, of which the first `readableCount` are those that the device reads.
    var count: UInt8 = 0
    var readableCount: UInt8 = 0
    var nextBuffer: UInt8 = 0

    @inline(__always) var next: BufferPlace {
        get { BufferPlace(buffer: nextBuffer, offset: nextOffset) }
        set { (nextBuffer, nextOffset) = (newValue.buffer, newValue.offset) }
    }

    @inline(__always) var isFinished: Bool { outstanding == 0 && isSubmitted }
    @inline(__always) var carriesData: Bool { operation == .read || operation == .write }
}

/// A place in a chain's data.
struct BufferPlace {
    var buffer: UInt8 = 0
    /// The bytes of the buffer before the place.
    var offset: UInt32 = 0
}

/// A request to storage for a part of a chain.
struct Part {
    /// The chain's number; -1 if this life has not submitted the request.
    var chain = -1
    /// The place of its bytes in the chain's data.
    var place = BufferPlace()
    var length: UInt64 = 0
    var run = WindowPages.Run(first: 0, count: 0)
    /// The virtio slot of its disk.
    var slot = 0
}

/// The chains of a backend and their buffers.
struct ChainTable {
    var chains = InlineArray<64, Chain>(repeating: Chain())
    private var free: UInt64 = ~0
    /// The buffers: `BlockLimit.chain` for each chain. The array never grows, so that it allocates memory once.
    private var buffers = [GuestRange](repeating: .none, count: BlockLimit.chains * BlockLimit.chain)
    /// The chain of each virtio slot with requests that are not submitted yet; -1 if there is none.
    private var waiting = InlineArray<8, Int8>(repeating: -1)
    /// The slots with such a chain: a bit for each.
    private(set) var waitingSlots: UInt64 = 0

    @inline(__always) var isEmpty: Bool { free == ~0 }

    @inline(__always)
    mutating func allocate() -> Int? {
        guard free != 0 else { return nil }
        let number = free.trailingZeroBitCount
        free &= free &- 1
        chains[number] = Chain()
        return number
    }

    @inline(__always)
    mutating func release(_ number: Int) { free |= 1 &<< UInt64(truncatingIfNeeded: number) }

    func isUsed(_ number: Int) -> Bool { free & 1 &<< UInt64(truncatingIfNeeded: number) == 0 }

    @inline(__always)
    func buffer(_ index: Int, of number: Int) -> GuestRange { buffers[number &* BlockLimit.chain &+ index] }
    @inline(__always)
    mutating func setBuffer(_ index: Int, of number: Int, _ range: GuestRange) {
        buffers[number &* BlockLimit.chain &+ index] = range
    }

    // MARK: Chains that wait

    /// - Returns: the chain of a slot that waits, if the slot has one.
    @inline(__always)
    func waitingChain(_ slot: Int) -> Int { Int(waiting[slot]) }

    @inline(__always)
    mutating func wait(_ number: Int) {
        let slot = Int(chains[number].slot)
        waiting[slot] = Int8(truncatingIfNeeded: number)
        waitingSlots |= 1 &<< UInt64(slot)
    }

    @inline(__always)
    mutating func stopWaiting(_ slot: Int) {
        waiting[slot] = -1
        waitingSlots &= ~(1 &<< UInt64(slot))
    }

    // MARK: Data

    /// Returns the place of a byte of a chain's data.
    /// - Parameters:
    ///   - chain: the chain of this number. The function does not look it up, because the compiler would copy all
    ///     chains for it.
    ///   - isWritten: true for the buffers that the device writes.
    ///   - offset: the offset in all bytes of these buffers.
    @inline(__always)
    func place(of number: Int, _ chain: Chain, isWritten: Bool, offset: UInt64) -> BufferPlace {
        var buffer = isWritten ? chain.readableCount : 0
        var skipped = offset
        while buffer < chain.count, skipped >= self.buffer(Int(buffer), of: number).size {
            skipped &-= self.buffer(Int(buffer), of: number).size
            buffer &+= 1
        }
        return BufferPlace(buffer: buffer, offset: UInt32(truncatingIfNeeded: skipped))
    }

    /// Returns the number of bytes of the chain's buffers that the device reads or writes.
    @inline(__always)
    func size(of number: Int, _ chain: Chain, isWritten: Bool) -> UInt64 {
        var size: UInt64 = 0
        let indices = isWritten ? Int(chain.readableCount)..<Int(chain.count) : 0..<Int(chain.readableCount)
        for index in indices { size &+= buffer(index, of: number).size }
        return size
    }
}
