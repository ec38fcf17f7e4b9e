import ABI

// The memory of a block connection, as its ends see it. `BlockConnectionLayout` gives the places and the rules.

/// One bit for each slot of a connection.
struct SlotBits {
    private var words = InlineArray<4, UInt64>(repeating: 0)
    /// - Parameter bank: 0…3. Other numbers cannot come here, and would count modulo 4.
    @inline(__always) subscript(_ bank: Int) -> UInt64 {
        get { words[bank & 3] }
        set { words[bank & 3] = newValue }
    }
}

/// A slot of a connection. A number of a peer or of an earlier life becomes a slot only by `BlockClient.slot`.
public struct BlockSlot: Equatable, Sendable {
    let bank: Int
    let bit: Int
    /// 0…255.
    public var number: Int { bank &* BlockConnectionLayout.slotsPerBank &+ bit }
    @inline(__always) var mask: UInt64 { 1 &<< UInt64(truncatingIfNeeded: bit) }
    @inline(__always) init(bank: Int, bit: Int) { (self.bank, self.bit) = (bank, bit) }
}

/// The two parts of a connection's memory.
struct BlockConnection: Sendable {
    let banks: Int
    let client: SharedMemory
    let server: SharedMemory

    /// - Parameters:
    ///   - memory: the memory of the connection, which is at least as large as the layout of `banks` banks.
    ///   - banks: 1…4.
    init(client: SharedMemory, server: SharedMemory, banks: Int) {
        precondition(
            1...BlockConnectionLayout.maximumBanks ~= banks
                && client.size >= Int(BlockConnectionLayout.clientSize(banks: banks))
                && server.size >= Int(BlockConnectionLayout.serverSize), "a block connection has another size")
        (self.client, self.server, self.banks) = (client, server, banks)
    }

    init(of resource: Resource) {
        let banks = Int(truncatingIfNeeded: resource.detail)
        precondition(1...BlockConnectionLayout.maximumBanks ~= banks, "a block connection has another number of banks")
        let size = BlockConnectionLayout.clientSize(banks: banks)
        // SAFETY: root mapped the memory before it started this component, and never unmaps it.
        let (client, server) = unsafe (
            SharedMemory(at: resource.address, size: size),
            SharedMemory(at: resource.address + size, size: BlockConnectionLayout.serverSize)
        )
        self.init(client: client, server: server, banks: banks)
    }

    // MARK: Words of the client

    @inline(__always) func submitted(_ bank: Int) -> UInt64 {
        client.acquireWide(BlockConnectionLayout.submitted &+ 8 &* bank)
    }
    @inline(__always) func setSubmitted(_ bank: Int, _ bits: UInt64) {
        client.storeWide(bits, BlockConnectionLayout.submitted &+ 8 &* bank)
    }
    @inline(__always) func consumed(_ bank: Int) -> UInt64 { client[BlockConnectionLayout.consumed &+ 8 &* bank] }
    @inline(__always) func setConsumed(_ bank: Int, _ bits: UInt64) {
        client[BlockConnectionLayout.consumed &+ 8 &* bank] = bits
    }

    @inline(__always) private func place(_ slot: BlockSlot) -> Int {
        BlockConnectionLayout.requests &+ BlockConnectionLayout.requestSize &* slot.number
    }

    @inline(__always) func store(_ request: BlockRequest, in slot: BlockSlot) {
        let at = place(slot)
        client[at] = request.firstWord
        client[at &+ 8] = request.sector
        client[at &+ 16] = request.thirdWord
        client[at &+ 24] = request.cookie
    }

    /// Returns a copy of the request, which the client cannot change. Returns nil if no request has these words.
    @inline(__always) func request(in slot: BlockSlot) -> BlockRequest? {
        let at = place(slot)
        return BlockRequest(words: client[at], client[at &+ 8], client[at &+ 16], client[at &+ 24])
    }

    // MARK: Words of the server

    @inline(__always) func answered(_ bank: Int) -> UInt64 {
        server.acquireWide(BlockConnectionLayout.answered &+ 8 &* bank)
    }
    @inline(__always) func setAnswered(_ bank: Int, _ bits: UInt64) {
        server.storeWide(bits, BlockConnectionLayout.answered &+ 8 &* bank)
    }

    @inline(__always) func store(_ status: BlockStatus, of slot: BlockSlot) {
        server[BlockConnectionLayout.statuses &+ 8 &* slot.number] = status.rawValue
    }

    /// Returns the status of an answer. A status that does not exist counts as an error of the device.
    @inline(__always) func status(of slot: BlockSlot) -> BlockStatus {
        BlockStatus(rawValue: server[BlockConnectionLayout.statuses &+ 8 &* slot.number]) ?? .ioError
    }
}

extension SharedMemory {
    // SAFETY: the caller promises that root has mapped the memory for the whole life of this component.
    @unsafe init(at address: UInt64, size: UInt64) {
        unsafe self.init(
            base: UnsafeMutableRawPointer(bitPattern: UInt(Seam.address(address))).unsafelyUnwrapped,
            size: Int(truncatingIfNeeded: size))
    }
}

/// The memory that has the data of requests for blocks.
public struct BlockWindow: Sendable {
    /// The memory; nil if the component cannot access it.
    public let memory: SharedMemory?
    /// The size in bytes; a multiple of 4 KiB.
    public let size: UInt64
    /// The address at which a device sees the first byte, for a driver.
    public let deviceAddress: UInt64
    /// The window's number in requests.
    public let number: UInt16

    public init(of resource: Resource) {
        // SAFETY: the resource names memory that root mapped before it started this component, and never unmaps.
        memory = resource.address == 0 ? nil : unsafe SharedMemory(of: resource)
        (size, deviceAddress) = (resource.size, resource.number)
        number = UInt16(truncatingIfNeeded: resource.detail)
    }

    /// Returns true if these bytes lie in the window.
    public func contains(offset: UInt32, length: UInt32) -> Bool { UInt64(offset) + UInt64(length) <= size }
}
