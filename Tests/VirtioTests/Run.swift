import ABI
import VirtualPlatform

@testable import Virtio

/// A run of a machine with disks, its monitor, its backend and storage, in an order that a seed decides.
final class Run {
    var world: World
    var random: Seeded
    var backend: BlockBackend<TestEnvironment>
    var drivers: [GuestDriver] = []
    var isAwake = true
    var kills = 0
    let queueCount: Int
    /// The disk for which storage does not answer.
    var silentDisk: Int?
    /// The reset of a guest that waits for the backend.
    private var resetting: Set<Int> = []
    var failures: [String] { drivers.flatMap(\.failures) + world.violations }

    struct Options {
        var disks = 1
        var queues = 1
        var size = 16
        var window = 64 << 10
        var slots = 64
        var ram = 256 << 10
        var usesEventIndex = true
        var usesIndirect = true
    }

    init(seed: UInt64, _ options: Options = Options()) {
        random = Seeded(seed &* 7919)
        world = World(ram: options.ram, window: options.window, slots: options.slots)
        for _ in 0..<options.disks { world.addDisk(sectors: 256) }
        queueCount = options.queues
        backend = BlockBackend(TestEnvironment(world))
        beginLife()
        var transport = VirtioTransport()
        var monitor = TestMonitor(world: world)
        if !transport.prepareReset(&monitor) { world.violations.append("the first reset is not done") }
        transport = transport.afterReset() as VirtioTransport
        if !transport.prepareStart(&monitor) { world.violations.append("the devices are not there") }
        for slot in 0..<options.disks {
            let driver = GuestDriver(
                world, slot: slot, seed: seed &* 31 &+ UInt64(slot), size: options.size, queues: options.queues,
                transport: transport)
            driver.usesEventIndex = options.usesEventIndex
            driver.usesIndirect = options.usesIndirect
            driver.start()
            drivers.append(driver)
        }
    }

    /// Begins a life of the backend.
    func beginLife() {
        // The life may end while it begins.
        var life = -1
        while life != world.life {
            life = world.life
            backend = BlockBackend(TestEnvironment(world))
            for slot in world.disks.indices { backend.attach(slot: slot, disk: slot, queues: queueCount) }
            backend.begin()
        }
        isAwake = true
    }

    /// Ends the life of the backend, with all that it knows.
    func kill() {
        kills += 1
        world.life += 1
        // The notification of the next life is a new one.
        world.events = 0
        world.acknowledgements = 0
    }

    /// Lets the backend run until it sleeps or dies.
    func runBackend() {
        guard isAwake || world.events != 0 else { return }
        let events = world.events
        world.events = 0
        let life = world.life
        isAwake = backend.turn(events)
        if !isAwake { isAwake = backend.mustStayAwake() }
        if world.hasNews {
            world.hasNews = false
            var monitor = TestMonitor(world: world)
            for driver in drivers { driver.transport.exchange(&monitor) }
        }
        if world.life != life { beginLife() }
    }

    func beginReset(_ slot: Int) {
        resetting.insert(slot)
        continueResets()
    }

    var isResetting: Bool { !resetting.isEmpty }

    /// Repeats the stores of guests that the monitor holds.
    func continueResets() {
        for slot in resetting where drivers[slot].reset() {
            resetting.remove(slot)
            if drivers.count == 1 { world.forbidsRAM = true }
        }
    }

    /// Lets storage answer an outstanding request, and perhaps perform some before, as its next lives do. It sleeps
    /// when there are none, and looks again when the backend wakes it.
    func runStorage() {
        if world.outstanding.isEmpty { world.storageIsAwake = false }
        guard world.storageIsAwake else { return }
        let outstanding = world.outstanding.filter { Int(world.connection[$0].request!.disk) != silentDisk }
        guard !outstanding.isEmpty else { return }
        if random.chance(10) { _ = world.perform(outstanding[random.below(outstanding.count)]) }
        world.answer(outstanding[random.below(outstanding.count)])
    }

    func runGuest(submits: Bool) {
        let slot = random.below(drivers.count)
        if resetting.contains(slot) { return }
        if drivers[slot].queues.isEmpty {
            world.forbidsRAM = false
            drivers[slot].start()
        }
        drivers[slot].handleInterrupt()
        if submits { for _ in 0...random.below(4) { _ = drivers[slot].submit() } }
    }

    func step(submits: Bool = true) {
        continueResets()
        switch random.below(10) {
        case 0..<3: runGuest(submits: submits)
        case 3..<6: runStorage()
        default: runBackend()
        }
    }

    /// Lets everything go on without further requests, until all are completed. Returns false if some never are.
    func drain() -> Bool {
        for _ in 0..<20_000 {
            if drivers.allSatisfy({ $0.outstanding == 0 && !$0.queues.isEmpty }), world.outstanding.isEmpty {
                return true
            }
            step(submits: false)
        }
        return false
    }

    var state: String {
        "outstanding \(drivers.map(\.outstanding)) resetting \(resetting) awake \(isAwake) events \(world.events) storage \(world.outstanding.count)"
            + " free \(backend.table.isEmpty) waiting \(backend.table.waitingSlots) old \(backend.slots[0].oldRequests)"
            + " notified \(backend.notified) blocked \(backend.blocked) broken \(backend.slots[0].isBroken) stale \(backend.slots[0].stale)"
            + " active \(backend.queues[0].isActive) life \(backend.queues[0].life) again \(backend.queues[0].again.count) marks \(backend.queues[0].record.marks.count) gen \(backend.slots[0].generation)"
            + " status \(drivers[0].read(VirtioRegister.status)) interrupts \(world.interrupts)"
    }
}
