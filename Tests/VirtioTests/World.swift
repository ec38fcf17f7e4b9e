import ABI
import VirtualPlatform

@testable import Virtio

/// Numbers that are the same in each run.
struct Seeded {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}

/// Everything that outlives the lives of a backend: the RAM of the machine, the pages, the window, and storage.
final class World {
    static let ramBase: UInt64 = 0x4000_0000

    var ram: [UInt8]
    var window: [UInt8]
    var lasting = [UInt64](repeating: 0, count: InFlightLayout.size / 8)
    var pages = [UInt64](repeating: 0, count: Int(VirtioPages.size) / 8)
    /// A slot of the connection to storage.
    struct Slot {
        var request: BlockRequest?
        var status: BlockStatus?
    }
    var connection: [Slot]
    var disks: [BlockDisk?] = []
    /// The contents of each disk.
    var contents: [[UInt8]] = []

    /// The bits of the backend's notification, and the slots whose interrupt was raised.
    var events: UInt64 = 0
    var interrupts: UInt64 = 0
    var acknowledgements: UInt64 = 0
    var hasNews = false
    /// Flushes that storage has performed, and writes with forced unit access.
    var flushes = 0
    var forcedWrites = 0
    var rangeRequests: [BlockRequest] = []
    /// The copies that the backend has called large ones, and all others.
    var copies = (large: 0, small: 0)
    func countCopy(_ isLarge: Bool) {
        if isLarge { copies.large += 1 } else { copies.small += 1 }
    }

    /// The present life of the backend. Accesses of earlier lives have no effect.
    var life = 0
    var accesses = 0
    /// Called before each access of the living backend.
    var willAccess: (Int) -> Void = { _ in }
    /// True while the guest uses its RAM for something else, because a reset is done.
    var forbidsRAM = false
    /// The RAM that the backend must not use, because the reset of the slot that used it is done.
    var forbiddenRAM: Range<UInt64>?
    var violations: [String] = []

    init(ram: Int = 256 << 10, window: Int = 64 << 10, slots: Int = 64) {
        self.ram = Array(repeating: 0, count: ram)
        self.window = Array(repeating: 0, count: window)
        connection = Array(repeating: Slot(), count: slots)
    }

    /// Adds a disk of some sectors.
    func addDisk(sectors: Int, features: BlockDiskFeatures = [.discard, .writeZeroes, .hasVolatileCache]) {
        var disk = BlockDisk(capacity: UInt64(sectors), features: features, optimalSize: 4096)
        disk.identity[0] = 0x3031_3233_3435_3637
        disk.identity[1] = 0x4142_4344_4546_4748
        disk.identity[2] = 0x5152_5354
        disks.append(disk)
        contents.append(Array(repeating: 0, count: sectors * 512))
    }

    /// Returns false if the access has no effect, because the life is over.
    func access(_ life: Int) -> Bool {
        guard life == self.life else { return false }
        accesses += 1
        willAccess(accesses)
        return life == self.life
    }

    func accessRAM(_ life: Int, _ what: String, _ range: GuestRange) -> Bool {
        guard access(life) else { return false }
        let isForbidden = forbiddenRAM?.overlaps(range.address..<range.address + range.size) ?? false
        if forbidsRAM || isForbidden { violations.append("the backend \(what) RAM after a reset") }
        return true
    }

    func value(_ range: GuestRange) -> UInt64 {
        let start = Int(range.address - World.ramBase)
        return (0..<Int(range.size)).reduce(0) { $0 | UInt64(ram[start + $1]) << UInt64(8 * $1) }
    }

    func set(_ value: UInt64, _ range: GuestRange) {
        let start = Int(range.address - World.ramBase)
        for index in 0..<Int(range.size) { ram[start + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    }

    // MARK: Storage

    /// True until storage has nothing to do. Only a backend that notifies it wakes it again.
    var storageIsAwake = false

    var outstanding: [Int] {
        connection.indices.filter { connection[$0].request != nil && connection[$0].status == nil }
    }

    /// Performs a request, which may happen several times before its answer.
    func perform(_ slot: Int) -> BlockStatus {
        let request = connection[slot].request!
        let number = Int(request.disk)
        guard number < disks.count, let disk = disks[number] else { return .noDisk }
        let sectors = UInt64(request.length / 512)
        guard request.sector + sectors <= disk.capacity else { return .badRequest }
        let (start, length) = (Int(request.sector) * 512, Int(request.length))
        guard request.operation == .read || request.operation == .write else {
            if request.operation == .flush { flushes += 1 } else { rangeRequests.append(request) }
            if request.operation == .writeZeroes {
                contents[number].replaceSubrange(start..<start + length, with: repeatElement(0, count: length))
            }
            return .ok
        }
        let offset = Int(request.offset)
        guard offset + length <= window.count else { return .badRequest }
        if request.operation == .read {
            window.replaceSubrange(offset..<offset + length, with: contents[number][start..<start + length])
        } else {
            if request.forcesUnitAccess { forcedWrites += 1 }
            contents[number].replaceSubrange(start..<start + length, with: window[offset..<offset + length])
        }
        return .ok
    }

    func answer(_ slot: Int, _ status: BlockStatus? = nil) {
        connection[slot].status = status ?? perform(slot)
        events |= VirtioPages.BackendEvent.storage
    }
}

/// The environment of one life of a backend.
struct TestEnvironment: BackendEnvironment {
    let world: World
    let life: Int
    /// The descriptions as `disksHaveChanged` has seen them last.
    private var seen: [BlockDisk?]?

    init(_ world: World) { (self.world, life) = (world, world.life) }

    var ram: TestRAM { TestRAM(world: world, life: life) }
    var lasting: TestLasting { TestLasting(world: world, life: life) }
    var windowSize: UInt64 { UInt64(world.window.count) }
    var capacity: Int { world.connection.count }

    func load(_ offset: Int) -> UInt64 {
        _ = world.access(life)
        return world.pages[offset / 8]
    }
    func store(_ value: UInt64, _ offset: Int) {
        precondition(offset >= VirtioPages.backend, "the backend cannot write the control page")
        if world.access(life) { world.pages[offset / 8] = value }
    }
    func loadRegister(_ offset: Int) -> UInt32 {
        _ = world.access(life)
        return world.register(offset)
    }
    func storeRegister(_ value: UInt32, _ offset: Int) {
        if world.access(life) { world.setRegister(value, offset) }
    }

    mutating func submit(_ request: BlockRequest) -> Int? {
        guard let slot = world.connection.firstIndex(where: { $0.request == nil }) else { return nil }
        if world.access(life) { world.connection[slot] = World.Slot(request: request) }
        return slot
    }
    mutating func notifyStorage() {
        if world.access(life) { world.storageIsAwake = true }
    }
    mutating func nextAnswer() -> BlockAnswer? {
        guard world.access(life) else { return nil }
        guard let slot = world.connection.firstIndex(where: { $0.status != nil }) else { return nil }
        return BlockAnswer(slot: slot, status: world.connection[slot].status!)
    }
    mutating func release(_ slot: Int) {
        if world.access(life) { world.connection[slot] = World.Slot() }
    }
    func isInUse(_ slot: Int) -> Bool { world.connection[slot].request != nil }
    func request(_ slot: Int) -> BlockRequest? { world.connection[slot].request }
    mutating func disksHaveChanged() -> Bool {
        defer { seen = world.disks }
        return seen != world.disks
    }
    func disk(_ number: Int) -> BlockDisk? { number < world.disks.count ? world.disks[number] : nil }

    func raiseInterrupt(_ slot: Int) {
        if world.access(life) { world.interrupts |= 1 << UInt64(slot) }
    }
    func tellMonitor() {
        if world.access(life) { world.hasNews = true }
    }
    func takeEvents() -> UInt64 {
        guard world.access(life) else { return 0 }
        defer { world.events = 0 }
        return world.events
    }
    func takeAcknowledgements() -> UInt64 {
        guard world.access(life) else { return 0 }
        defer { world.acknowledgements = 0 }
        return world.acknowledgements
    }
}

extension World {
    func register(_ offset: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: pages[offset / 8] >> UInt64(8 * (offset & 4)))
    }
    func setRegister(_ value: UInt32, _ offset: Int) {
        let shift = UInt64(8 * (offset & 4))
        pages[offset / 8] = pages[offset / 8] & ~(0xFFFF_FFFF << shift) | UInt64(value) << shift
    }
}

struct TestRAM: GuestRAM {
    let world: World
    let life: Int
    var bounds: GuestBounds { GuestBounds(MemoryRange(base: World.ramBase, size: UInt64(world.ram.count))) }

    func load(_ range: GuestRange) -> UInt64 {
        precondition(range.address & (range.size - 1) == 0, "not aligned")
        _ = world.accessRAM(life, "reads", range)
        return world.value(range)
    }
    func store(_ value: UInt64, _ range: GuestRange) {
        precondition(range.address & (range.size - 1) == 0, "not aligned")
        if world.accessRAM(life, "writes", range) { world.set(value, range) }
    }
    func loadOrdered(_ range: GuestRange) -> UInt64 { load(range) }
    func storeOrdered(_ value: UInt64, _ range: GuestRange) { store(value, range) }
    func copy(_ range: GuestRange, toWindow offset: UInt64, isLarge: Bool) {
        world.countCopy(isLarge)
        guard world.accessRAM(life, "reads", range) else { return }
        let start = Int(range.address - World.ramBase)
        let end = Int(offset) + Int(range.size)
        world.window.replaceSubrange(Int(offset)..<end, with: world.ram[start..<start + Int(range.size)])
    }
    func copy(fromWindow offset: UInt64, to range: GuestRange, isLarge: Bool) {
        world.countCopy(isLarge)
        guard world.accessRAM(life, "writes", range) else { return }
        let start = Int(range.address - World.ramBase)
        let end = Int(offset) + Int(range.size)
        world.ram.replaceSubrange(start..<start + Int(range.size), with: world.window[Int(offset)..<end])
    }
}

struct TestLasting: LastingMemory {
    let world: World
    let life: Int
    func load(_ offset: Int) -> UInt64 {
        _ = world.access(life)
        return world.lasting[offset / 8]
    }
    func store(_ value: UInt64, _ offset: Int) {
        if world.access(life) { world.lasting[offset / 8] = value }
    }
}

/// The monitor of the machine, as far as virtio concerns it.
struct TestMonitor: InterruptPort, DeviceEnvironment {
    let world: World

    var hasVirtioPages: Bool { true }
    func loadVirtioWord(_ offset: Int) -> UInt64 { world.pages[offset / 8] }
    func storeVirtioWord(_ value: UInt64, _ offset: Int) {
        precondition(VirtioPages.control..<VirtioPages.backend ~= offset, "the monitor writes the control page")
        world.pages[offset / 8] = value
    }
    func loadVirtioRegister(_ offset: Int) -> UInt32 { world.register(offset) }
    func storeVirtioRegister(_ value: UInt32, _ offset: Int) { world.setRegister(value, offset) }
    func tellBackend() { world.events |= VirtioPages.BackendEvent.control }

    func control(_ form: VirtualInterruptControl, virtualCPU: Int, index: UInt64, value: UInt64) {}
    func state(ofWord word: Int, virtualCPU: Int) -> InterruptWordState { InterruptWordState(pending: 0, active: 0) }
    func transmit(_ byte: UInt8) -> Bool { true }
    func receive() -> UInt16? { nil }
    func tellReader() {}
    func askForMoment() -> Bool { true }
    func seconds() -> UInt32 { 0 }
    func ticks() -> UInt64 { 0 }
    func ticksPerSecond() -> UInt64 { 1000 }
    func askForWatch() {}
    func report(_ failure: MachineFailure) {}

    // The machine has no flash.

    func flashWord(at offset: UInt64) -> UInt32 { 0 }
    func setFlashWord(at offset: UInt64, _ value: UInt32) {}
    func eraseFlash(at offset: UInt64, lanes: UInt32) {}
    func showFlash() -> Bool { false }
    func hideFlash() {}
}
