import ABI

/// The surroundings of a machine's backend: the machine's RAM, the virtio pages, the memory that lasts, the connection
/// to storage with its window, and the notifications.
public protocol BackendEnvironment {
    associatedtype RAM: GuestRAM
    associatedtype Memory: LastingMemory

    var ram: RAM { get }
    /// The memory of `InFlightLayout`.
    var lasting: Memory { get }
    /// The size of the window in bytes.
    var windowSize: UInt64 { get }

    // MARK: The virtio pages

    // The offsets are those of `VirtioPages`, from the start of the register page.

    /// Loads a word of the control page or the backend page with sequential consistency.
    func load(_ offset: Int) -> UInt64
    /// Stores a word of the backend page with sequential consistency.
    func store(_ value: UInt64, _ offset: Int)
    /// Loads a register of the register page.
    func loadRegister(_ offset: Int) -> UInt32
    func storeRegister(_ value: UInt32, _ offset: Int)

    // MARK: The connection to storage

    /// Submits a request. Returns its slot, below 256, or nil if no slot is free.
    mutating func submit(_ request: BlockRequest) -> Int?
    /// The number of slots of the connection; at most 256.
    var capacity: Int { get }
    /// Wakes storage, if it sleeps, after requests were submitted.
    mutating func notifyStorage()
    /// Returns the next answer, or nil if there is none.
    mutating func nextAnswer() -> BlockAnswer?
    /// Frees the slot of an answer.
    mutating func release(_ slot: Int)
    /// Returns true if a slot is in use, also by a request of an earlier life.
    func isInUse(_ slot: Int) -> Bool
    /// Returns the request of a slot that is in use; nil if its words are none.
    func request(_ slot: Int) -> BlockRequest?
    /// Returns true if storage has changed a description since the last call, and at the first call.
    mutating func disksHaveChanged() -> Bool
    /// Returns the description of a disk; nil if storage does not serve it, or is changing the description.
    func disk(_ number: Int) -> BlockDisk?

    // MARK: Notifications

    /// Raises the interrupt of a virtio slot.
    func raiseInterrupt(_ slot: Int)
    /// Raises `VirtioPages.monitorEvent`.
    func tellMonitor()
    /// Fetches and clears the bits of the backend's own notification.
    func takeEvents() -> UInt64
    /// Fetches and clears the bits of the slots whose guests have acknowledged an interrupt.
    func takeAcknowledgements() -> UInt64
}

/// Storage's answer to a request.
public struct BlockAnswer {
    public let slot: Int
    public let status: BlockStatus

    @inline(__always)
    public init(slot: Int, status: BlockStatus) { (self.slot, self.status) = (slot, status) }
}

extension BackendEnvironment {
    // A slot's words, at their offsets in the slot.

    @inline(__always)
    func control(_ slot: Int, _ offset: Int) -> UInt64 {
        load(VirtioPages.control &+ VirtioPages.slotSize &* slot &+ offset)
    }
    @inline(__always)
    func backend(_ slot: Int, _ offset: Int) -> UInt64 {
        load(VirtioPages.backend &+ VirtioPages.slotSize &* slot &+ offset)
    }
    @inline(__always)
    func setBackend(_ slot: Int, _ offset: Int, _ value: UInt64) {
        store(value, VirtioPages.backend &+ VirtioPages.slotSize &* slot &+ offset)
    }
    @inline(__always)
    func register(_ slot: Int, _ offset: Int) -> UInt32 { loadRegister(VirtioPages.slotSize &* slot &+ offset) }
    @inline(__always)
    func setRegister(_ slot: Int, _ offset: Int, _ value: UInt32) {
        storeRegister(value, VirtioPages.slotSize &* slot &+ offset)
    }
}
