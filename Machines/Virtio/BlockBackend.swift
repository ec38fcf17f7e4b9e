import ABI
import VirtualPlatform

/// The backend of the virtual disks of one machine. It takes requests out of the virtqueues of a hostile guest, has the
/// storage component perform them, and gives them back to the guest.
///
/// The program that uses it waits for the events of its notification and calls `turn` with them, until `turn` and
/// `mustStayAwake` say that nothing is left to do. A turn is a bounded piece of work. Nothing in it waits, and it
/// allocates no memory.
///
/// - *The gate.* The backend uses the guest's RAM for a slot only between `open` and `close`. The monitor knows by the
/// gate when a reset is done (`VirtioBackend.busy`).
/// - *The lives of queues.* A reset of the device or a stop of a queue begins a new life. Chains of an earlier life are
/// *stale*: their requests run to their ends, but nothing of them reaches the guest. The queue's next life begins when
/// the slot has no stale chains, so that an old write cannot overwrite a newer one.
/// - *The lives of the backend.* A chain that was taken is marked (InFlight.swift). For each disk, a new life waits
/// until storage has answered all requests of the life before, and then performs the marked chains from their
/// beginning.
/// - *Back-pressure.* A chain that finds no request or no page of the window waits. While one waits, none of its disk
/// is taken. Each disk has a part of the chains, the requests and the window (Shares.swift), so that one that does not
/// answer delays no other.
public final class BlockBackend<Environment: BackendEnvironment> {
    public var environment: Environment
    var slots = InlineArray<8, DiskSlot>(repeating: DiskSlot())
    var queues = InlineArray<64, QueueState>(repeating: QueueState())
    var table = ChainTable()
    var parts = InlineArray<256, Part>(repeating: Part())
    var pages: WindowPages
    var chainShares = Shares(total: BlockLimit.chains)
    var pageShares: Shares
    var requestShares: Shares

    /// The slot whose gate is open; -1 if none is.
    var openSlot = -1
    /// The slots that may have chains that were not taken. A bit for each, as in all these words.
    var notified: UInt64 = 0
    /// The slots of which no chain was taken because there was no room.
    var blocked: UInt64 = 0
    /// The queues with chains that were given back since the last decision on an interrupt: bit 8 × slot + queue.
    var touched: UInt64 = 0
    /// The slots that need an interrupt in any case.
    var mustInterrupt: UInt64 = 0
    /// The slots whose guests have to acknowledge a change of the configuration.
    var awaiting: UInt64 = 0
    /// True if the control page has words that this life has not seen.
    var mustExamine = true
    var hasSubmitted = false
    /// The bytes that the backend has copied since it slept.
    var copied: UInt64 = 0
    /// The number of turns since the backend has last been about to sleep, or has looked at its events.
    private var turnsInRun = 0
    /// The number of requests of an earlier life that storage has not answered, and that name no disk of this machine.
    /// They hold up all disks.
    var unknownRequests = 0

    /// Begins a life of the backend.
    public init(_ environment: Environment) {
        self.environment = environment
        pages = WindowPages(size: environment.windowSize)
        pageShares = Shares(total: pages.freeCount)
        requestShares = Shares(total: environment.capacity)
        for slot in 0..<VirtioPages.slots { self.environment.setBackend(slot, VirtioBackend.busy, 0) }
    }

    /// The state of a virtio slot.
    struct DiskSlot {
        var isAttached = false
        /// The disk's number in the connection.
        var number = 0
        var disk: BlockDisk?
        var queueCount = 1
        var generation: UInt64 = 0
        var resets: UInt64 = 0
        var features: UInt64 = 0
        /// True if the guest has broken a rule since the last reset, so that no chain is taken.
        var isBroken = false
        /// True if the guest must still hear that the configuration has changed.
        var hasNews = false
        /// True if the guest was told that the device needs a reset.
        var hasToldGuest = false
        /// The number of acknowledgements after which the guest has seen the last change of the configuration. While
        /// it is not 0, the slot is in `awaiting`.
        var awaitedAcknowledgements = 0
        /// The number of chains of earlier lives of queues.
        var stale = 0
        /// The number of requests of an earlier life of the backend that storage has not answered.
        var oldRequests = 0
        /// The queue of which chains are taken first.
        var firstQueue = 0
        /// The queues that are active: a bit for each.
        var activeQueues: UInt64 = 0
    }

    struct QueueState {
        var life: UInt64 = 0
        var isActive = false
        var queue = VirtQueue()
        var record = InFlightRecord(slot: 0, queue: 0)
        /// The chains that an earlier life of the backend has taken, and that this life has not taken yet.
        var again = ChainSet()
        var hasAgain = false
    }

    /// Attaches a disk to a slot, before the first turn.
    /// - Parameters:
    ///   - number: the disk's number in the connection.
    ///   - queues: 1…8.
    public func attach(slot: Int, disk number: Int, queues: Int) {
        slots[slot].isAttached = true
        slots[slot].number = number
        slots[slot].queueCount = min(max(queues, 1), VirtioPages.maximumQueues)
    }

    /// Says which slots have no disk, and then whatever is known of the others. Called once, after `attach`.
    public func begin() {
        findOldRequests()
        for slot in 0..<VirtioPages.slots {
            if !slots[slot].isAttached {
                environment.setBackend(slot, VirtioBackend.state, VirtioBackend.State.empty)
            } else {
                let resets = environment.control(slot, VirtioControl.resets)
                slots[slot].resets = resets
                slots[slot].isBroken = environment.backend(slot, VirtioBackend.broken) == resets &+ 1
                let status = environment.register(slot, VirtioRegister.interruptStatus)
                if status & InterruptStatus.configuration != 0 { awaitAcknowledgements(slot, 2) }
            }
        }
        refreshDisks()
        environment.tellMonitor()
    }

    /// Divides chains, pages and requests among the disks, and finds the requests of an earlier life. Their pages stay
    /// taken until the answers come, because storage may write them until then.
    private func findOldRequests() {
        var disks = 0
        for slot in 0..<VirtioPages.slots where slots[slot].isAttached { disks += 1 }
        chainShares.divide(among: max(disks, 1))
        pageShares.divide(among: max(disks, 1))
        requestShares.divide(among: max(disks, 1))
        for number in 0..<environment.capacity where environment.isInUse(number) {
            let request = environment.request(number)
            var owner = -1
            for slot in 0..<VirtioPages.slots
            where slots[slot].isAttached && slots[slot].number == Int(request?.disk ?? .max) { owner = slot }
            parts[number] = Part()
            // The life before may have died after it submitted this request, and before it woke storage.
            hasSubmitted = true
            guard let request, owner >= 0 else {
                parts[number].slot = -1
                unknownRequests += 1
                continue
            }
            parts[number].slot = owner
            slots[owner].oldRequests += 1
            requestShares.take(1, owner)
            guard request.operation == .read || request.operation == .write else { continue }
            parts[number].run = pages.take(at: UInt64(request.offset), size: UInt64(request.length))
            pageShares.take(parts[number].run.count, owner)
        }
    }

    /// True while storage has not described each disk yet.
    public var awaitsDisks: Bool {
        for slot in 0..<VirtioPages.slots where slots[slot].isAttached && slots[slot].disk == nil { return true }
        return false
    }

    /// Says that the disks which storage has not described are missing.
    public func stopAwaitingDisks() {
        for slot in 0..<VirtioPages.slots where slots[slot].isAttached && slots[slot].disk == nil {
            environment.setBackend(slot, VirtioBackend.state, VirtioBackend.State.missing)
        }
        environment.tellMonitor()
    }

    @inline(__always) static func index(_ slot: Int, _ queue: Int) -> Int { slot &* 8 &+ queue }

    // MARK: A turn

    /// The number of turns after which a backend that is never done looks at its events and at the disks. A guest with
    /// several processors may always have more requests for one disk.
    private static var longestRun: Int { 16 }

    /// Does everything that some events made possible, as far as one turn goes.
    /// - Returns: true if another turn is needed without further events.
    public func turn(_ events: UInt64) -> Bool {
        var events = events
        turnsInRun &+= 1
        if turnsInRun == Self.longestRun {
            turnsInRun = 0
            events |= environment.takeEvents()
            if environment.disksHaveChanged() { refreshDisks() }
        }
        if events & VirtioPages.BackendEvent.control != 0 { mustExamine = true }
        notified |= events >> VirtioPages.BackendEvent.firstNotify & 0xFF
        if mustExamine { examine() }
        takeAnswers()
        continueWaiting()
        if blocked != 0 { unblock() }
        takeChains()
        interrupt()
        close()
        if hasSubmitted {
            hasSubmitted = false
            environment.notifyStorage()
        }
        return notified != 0 || mustExamine
    }

    /// Does what remains before the backend sleeps.
    /// - Returns: true if another turn is needed.
    public func mustStayAwake() -> Bool {
        copied = 0
        turnsInRun = 0
        if environment.disksHaveChanged() { refreshDisks() }
        if awaiting != 0 { takeAcknowledgements() }
        return notified != 0 || mustExamine
    }

    /// Lets chains be taken of the slots that have room again.
    private func unblock() {
        var slotsToVisit = blocked & ~table.waitingSlots
        while slotsToVisit != 0 {
            let slot = slotsToVisit.trailingZeroBitCount
            slotsToVisit &= slotsToVisit &- 1
            guard chainShares.allowance(slot) > 0 else { continue }
            blocked &= ~(1 &<< UInt64(slot))
            notified |= 1 &<< UInt64(slot)
        }
    }

    // MARK: The gate

    /// Opens the gate of a slot, and closes that of another.
    /// - Returns: false if the control page has changed, so that the guest's memory must not be used.
    @inline(__always)
    func open(_ slot: Int) -> Bool {
        if openSlot == slot { return true }
        close()
        environment.setBackend(slot, VirtioBackend.busy, 1)
        openSlot = slot
        if environment.control(slot, VirtioControl.generation) == slots[slot].generation { return true }
        close()
        return false
    }

    /// Closes the gate. Tells the monitor, which may wait for that, if it has raised the generation meanwhile.
    @inline(__always)
    func close() {
        guard openSlot >= 0 else { return }
        let slot = openSlot
        openSlot = -1
        environment.setBackend(slot, VirtioBackend.busy, 0)
        if environment.control(slot, VirtioControl.generation) != slots[slot].generation {
            mustExamine = true
            environment.tellMonitor()
        }
    }

    /// Makes the device unusable until its reset, because the guest has broken a rule.
    @inline(never)
    func fail(_ slot: Int) {
        slots[slot].isBroken = true
        environment.setBackend(slot, VirtioBackend.broken, slots[slot].resets &+ 1)
        environment.tellMonitor()
    }
}
