import ABI
import Entente
import RuntimeSupport
import Synchronization
import Virtio
import VirtualPlatform

/// The surroundings of the backend, as its resources name them.
@safe
struct MachineSurroundings: BackendEnvironment {
    let ram: MappedRAM
    let lasting: MappedWords
    let windowSize: UInt64
    /// The number of the window in requests.
    private let windowNumber: UInt16
    private let pages: MappedWords
    var client: BlockClient
    private let monitor: Notification
    private let acknowledgements: Notification
    /// The notification of each virtio slot that raises its interrupt.
    private var interrupts = InlineArray<8, Notification>(repeating: .own)

    init() {
        let memory = MachineSurroundings.only(.machineMemory)
        let window = MachineSurroundings.only(.window)
        let virtio = MachineSurroundings.only(.virtioPages)
        ram = MappedRAM(MemoryRange(base: memory.number, size: memory.size), window: window)
        lasting = MappedWords(MachineSurroundings.only(.lastingMemory))
        pages = MappedWords(virtio)
        (windowSize, windowNumber) = (window.size, UInt16(truncatingIfNeeded: window.detail))
        client = BlockClient(named: "disks")
        monitor = Notification(of: virtio)
        acknowledgements = Notification(named: "acks")
        var disks = Configuration.resources(of: .virtualDisk)
        while let disk = disks.next() { interrupts[Int(truncatingIfNeeded: disk.number)] = Notification(of: disk) }
    }

    /// The event of the alarm for disks that are missing.
    static var alarmEvent: Events { .number(63) }

    /// Returns the first resource of a kind. The host tool gives each backend one.
    private static func only(_ kind: ResourceKind) -> Resource {
        var resources = Configuration.resources(of: kind)
        guard let resource = resources.next() else {
            log("the backend lacks a resource: only the tool adds this program to a system")
            fatalError("a resource is missing")
        }
        return resource
    }

    // The functions of the data path are inlined, because a call would get a copy of all surroundings.

    // MARK: The virtio pages

    @inline(__always) func load(_ offset: Int) -> UInt64 { pages.load(offset) }
    @inline(__always) func store(_ value: UInt64, _ offset: Int) { pages.store(value, offset) }
    @inline(__always) func loadRegister(_ offset: Int) -> UInt32 { pages.loadNarrow(offset) }
    /// Stores a register, and cleans its line, because the machine reads the page as device memory, past the caches.
    @inline(__always) func storeRegister(_ value: UInt32, _ offset: Int) {
        pages.storeNarrow(value, offset)
        pages.clean(offset)
    }

    // MARK: The connection to storage

    var capacity: Int { client.capacity }
    func isInUse(_ slot: Int) -> Bool { client.slotInUse(slot) != nil }
    func request(_ slot: Int) -> BlockRequest? { client.slotInUse(slot).flatMap { client.request(in: $0) } }
    @inline(__always) mutating func submit(_ request: BlockRequest) -> Int? {
        var request = request
        request.window = windowNumber
        return client.submit(request)?.number
    }
    @inline(__always) mutating func notifyStorage() { client.notify() }
    @inline(__always) mutating func nextAnswer() -> BlockAnswer? {
        client.nextAnswer().map { BlockAnswer(slot: $0.slot.number, status: $0.status) }
    }
    @inline(__always) mutating func release(_ slot: Int) {
        if let slot = client.slotInUse(slot) { client.release(slot) }
    }
    @inline(__always) mutating func disksHaveChanged() -> Bool { client.disksHaveChanged() }
    func disk(_ number: Int) -> BlockDisk? { client.disk(number) }

    // MARK: Notifications

    @inline(__always) func raiseInterrupt(_ slot: Int) { interrupts[slot].raise() }
    @inline(__always) func tellMonitor() { monitor.raise() }
    func takeEvents() -> UInt64 {
        let events = Notification.own.poll()
        // Nothing but the program's own loop handles the alarm, which finds it when it waits.
        if events.contains(MachineSurroundings.alarmEvent) { Notification.own.raise(MachineSurroundings.alarmEvent) }
        return events.bits
    }
    @inline(__always) func takeAcknowledgements() -> UInt64 { acknowledgements.poll().bits }
}

/// Memory that others access at the same time, or that outlives this program. Each access is atomic.
@safe
struct MappedWords: LastingMemory {
    private let address: UInt64
    private let size: Int

    init(_ resource: Resource) { (address, size) = (resource.address, Int(truncatingIfNeeded: resource.size)) }

    // SAFETY (of all): root has mapped the memory of the resource before it started this program, for as long as the
    // program lives, and `place` checks that the access lies inside of it.

    @inline(__always)
    func load(_ offset: Int) -> UInt64 {
        let word = unsafe UnsafePointer<Atomic<UInt64>>(bitPattern: place(offset, 8)).unsafelyUnwrapped
        return unsafe word.pointee.load(ordering: .sequentiallyConsistent)
    }

    @inline(__always)
    func store(_ value: UInt64, _ offset: Int) {
        let word = unsafe UnsafePointer<Atomic<UInt64>>(bitPattern: place(offset, 8)).unsafelyUnwrapped
        unsafe word.pointee.store(value, ordering: .sequentiallyConsistent)
    }

    @inline(__always)
    func loadNarrow(_ offset: Int) -> UInt32 {
        let word = unsafe UnsafePointer<Atomic<UInt32>>(bitPattern: place(offset, 4)).unsafelyUnwrapped
        return unsafe word.pointee.load(ordering: .relaxed)
    }

    @inline(__always)
    func storeNarrow(_ value: UInt32, _ offset: Int) {
        let word = unsafe UnsafePointer<Atomic<UInt32>>(bitPattern: place(offset, 4)).unsafelyUnwrapped
        unsafe word.pointee.store(value, ordering: .releasing)
    }

    /// Cleans the line of a narrow word to the point of coherency.
    @inline(__always)
    func clean(_ offset: Int) { entente_clean_line(UInt64(place(offset, 4))) }

    @inline(__always)
    private func place(_ offset: Int, _ bytes: Int) -> UInt {
        precondition(
            offset >= 0 && offset & (bytes &- 1) == 0 && offset <= size &- bytes, "an access outside of the memory")
        return UInt(address) &+ UInt(bitPattern: offset)
    }
}
