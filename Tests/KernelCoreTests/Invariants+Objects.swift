import ABI
import HardwareModel

@testable import KernelCore

// Every pointer leads to an existing object, and stands beside the binding that keeps it valid.

extension Invariants {
    /// Checks that the objects to which cores point exist.
    mutating func checkCoresPointers() {
        for core in cores {
            let name = "core \(core.pointee.id.number)"
            for (what, context) in [
                ("runs", core.pointee.current), ("has loaded", core.pointee.loaded),
                ("keeps the FP registers of", core.pointee.floatingPointOwner),
            ] {
                guard let context else { continue }
                require(isLive(context.address, .thread, .virtualCPU), "\(name) \(what) a context that is gone")
            }
            if let time = core.pointee.scheduling {
                require(isLive(time.address, .schedulingContext) || isRoots(time), "\(name) runs on time that is gone")
            }
            checkInbox(core, name)
            let errand = core.pointee.errand.load()
            require(errand == 0 || nodes.contains(errand), "\(name) has an errand to a node that is gone")
        }
    }

    private mutating func checkInbox(_ core: Ref<Core>, _ name: String) {
        checkInbox(core.pointee.inbox.load(), name)
        checkInbox(core.pointee.unread, name)
    }

    private mutating func checkInbox(_ first: UInt64, _ name: String) {
        var tagged = first
        var count = 0
        while let item = InboxItem(tagged: tagged), count < 1000 {
            switch item {
            case .context(let context):
                requireNotReused(context.address, .thread, .virtualCPU, "\(name): a context in the inbox")
                tagged = context.pointee.inboxNext
            case .notification(let notification):
                requireNotReused(
                    notification.address, .notification, .notification, "\(name): a notification in the inbox")
                tagged = notification.pointee.inboxNext
            }
            count += 1
        }
        require(count < 1000, "\(name): the inbox is a loop")
    }

    /// Requires that the memory of an object, which may be gone, has no other use yet.
    private mutating func requireNotReused(
        _ address: PhysicalAddress, _ kind: ObjectKind, _ other: ObjectKind, _ name: String
    ) {
        guard !isLive(address, kind, other) else { return }
        let isReused = objects.contains { place, object in
            object.kind != .region && place <= address.value && address.value < place + object.size
        }
        require(!isReused, "\(name) is something else now")
    }

    /// Returns true for root's scheduling context, which `create` has not made.
    private func isRoots(_ time: Ref<SchedulingContext>) -> Bool {
        time.address == root.pointee.home?.address
    }

    mutating func checkObjects() {
        checkPlaces()
        for (address, object) in objects {
            let place = PhysicalAddress(address)
            switch object.kind {
            case .thread, .virtualCPU: check(Ref<ExecutionContext>(at: place))
            case .portal: check(Ref<Portal>(at: place))
            case .notification: check(Ref<KernelCore.Notification>(at: place))
            case .schedulingContext: check(Ref<SchedulingContext>(at: place))
            case .interrupt: check(Ref<Interrupt>(at: place))
            case .addressSpace: check(Ref<AddressSpace>(at: place))
            case .region: check(Ref<Region>(at: place))
            case .capabilityTable, .extent, .system, .mapping, .none: break
            }
        }
        for number in 0..<256 {
            if let space = board.pointee.spaces[number] {
                require(isLive(space.address, .addressSpace), "VMID \(number) is of a space that is gone")
                require(space.pointee.identifier == UInt16(number), "VMID \(number) is of another space")
            }
            if let interrupt = board.pointee.interrupts[number] {
                require(isLive(interrupt.address, .interrupt), "interrupt \(number) is of an object that is gone")
            }
        }
    }

    /// Checks that no byte belongs to two objects. Only regions have objects inside.
    private mutating func checkPlaces() {
        var end: UInt64 = 0
        for (address, object) in objects.filter({ $0.value.kind != .region }).sorted(by: { $0.key < $1.key }) {
            require(address >= end, "a \(object.kind) lies in another object")
            end = max(end, address + object.size)
        }
    }

    /// Requires that a binding exists exactly if the pointer does, and leads to the same object.
    private mutating func require(
        _ binding: Ref<Capability>, of holder: PhysicalAddress, standsFor object: PhysicalAddress?, _ name: String
    ) {
        guard let object else { return require(binding.pointee.isEmpty, "\(name): a binding to nothing") }
        guard !binding.pointee.isEmpty else { return require(false, "\(name): a pointer without a binding") }
        require(nodes.contains(binding.address.value), "\(name): a binding without its ancestor")
        require(binding.pointee.object == object, "\(name): a binding to something else")
        require(binding.pointee.extra == holder.value, "\(name): a binding of somebody else")
        require(objects[object.value] != nil, "\(name): leads to an object that is gone")
    }

    // MARK: Contexts

    private mutating func check(_ context: Ref<ExecutionContext>) {
        if context != root { checkParts(context) }
        checkChain(context)
        let state = context.pointee.state
        if context.pointee.state != .stopped {
            require(context.pointee.running.load() == 1, "a context is \(state) and counts as stopped")
            require(context.pointee.isConfigured, "a context is \(state) and made of nothing")
        }
        checkOwnTime(context)
    }

    /// Checks that time which leads to a runnable context gets the core at some time.
    private mutating func checkOwnTime(_ context: Ref<ExecutionContext>) {
        let state = context.pointee.state
        // Otherwise it waits, serves a caller, or is an orphan.
        guard context.pointee.usesOwnTime else { return }
        require(state == .ready || state == .calling, "a context is \(state) and uses its time")
        guard let time = context.pointee.home else {
            return require(false, "a context uses time that it does not have")
        }
        guard Kernel<ModelHardware>.beneficiary(of: time) != nil else { return }
        let core = cores[context.pointee.core.index]
        let isToBeLookedAt = time.pointee.isParked && core.pointee.mustSchedule
        require(
            time.pointee.isQueued || core.pointee.scheduling == time || time.pointee.isExhausted || isToBeLookedAt,
            "time leads to a context that can run and never will")
    }

    private mutating func checkParts(_ context: Ref<ExecutionContext>) {
        let parts: [(NodeRole, PhysicalAddress?)] = [
            (.space, context.pointee.space?.address), (.table, context.pointee.table?.address),
            (.faultPortal, context.pointee.faultPortal?.address), (.scheduling, context.pointee.home?.address),
            (.stopped, context.pointee.stopped.notification?.address),
        ]
        for (role, object) in parts {
            require(context.binding(role), of: context.address, standsFor: object, "a context's \(role)")
        }
        let page = context.pointee.messagePage, binding = context.binding(.messagePage)
        require(binding.pointee.isEmpty == (page.value == 0), "a message page without a binding, or the reverse")
        if page.value != 0 {
            let start = binding.pointee.object
            require(page >= start && page < start + binding.pointee.size, "a message page outside its extent")
        }
        if let notification = context.pointee.notification {
            guard isLive(notification.address, .notification) else {
                return require(false, "a thread's notification is gone")
            }
            require(
                notification.pointee.sink.load() == Hearer.sink(thread: context),
                "a thread's notification tells another")
        }
        if let home = context.pointee.home {
            require(home.pointee.core == context.pointee.core, "a context has time of another core")
        }
    }

    private mutating func checkChain(_ context: Ref<ExecutionContext>) {
        if let caller = context.pointee.caller {
            require(isLive(caller.address, .thread, .virtualCPU), "a context serves one that is gone")
            require(caller.pointee.state == .calling, "a context serves one that is \(caller.pointee.state)")
            require(caller.pointee.server == context, "a context serves one that waits for another")
            // The depth may be greater after the first of a longer chain has left it.
            require(context.pointee.depth > caller.pointee.depth, "a server is not deeper than its caller")
            require(context.pointee.depth <= Kernel<ModelHardware>.maximumDepth, "a chain of calls is too long")
        }
        checkCallers(context)
        guard context.pointee.state == .calling else {
            return require(context.pointee.server == nil, "a context that is \(context.pointee.state) has a server")
        }
        guard let server = context.pointee.server, isLive(server.address, .thread) else {
            return require(false, "a context waits for nobody's reply")
        }
        require(server.pointee.core == context.pointee.core, "a context calls one of another core")
        guard server.pointee.caller != context else { return }
        var next = server.pointee.callers.head
        while let queued = next, queued != context { next = queued.pointee.next }
        require(next == context, "a context calls one that does not know of it")
    }

    private mutating func checkCallers(_ server: Ref<ExecutionContext>) {
        var previous: Ref<ExecutionContext>?
        var next = server.pointee.callers.head
        var length = 0
        while let caller = next, length < 1000 {
            guard isLive(caller.address, .thread, .virtualCPU) else { return require(false, "a queued caller is gone") }
            require(caller.pointee.state == .calling, "a queued caller is \(caller.pointee.state)")
            require(caller.pointee.server == server, "a queued caller waits for another")
            require(caller.pointee.previous == previous, "a queued caller's link back")
            previous = caller
            next = caller.pointee.next
            length += 1
        }
        require(server.pointee.callers.tail == previous, "the tail of a queue of callers")
        require(length < 1000, "a queue of callers is a loop")
        require(length == 0 || server.pointee.state != .waiting, "a thread waits while callers queue")
    }

    // MARK: The others

    private mutating func check(_ portal: Ref<Portal>) {
        require(
            portal.serverBinding, of: portal.address, standsFor: portal.pointee.server?.address, "a portal's thread")
    }

    private mutating func check(_ notification: Ref<KernelCore.Notification>) {
        var object: PhysicalAddress?
        switch notification.pointee.hearer {
        case .nobody: break
        case .thread(let thread):
            object = thread.address
            if isLive(thread.address, .thread) {
                require(
                    thread.pointee.notification == notification, "a thread hears of a notification that is not its own")
                checkDelivered(notification, thread)
            }
        case .virtualInterrupt(let context, _): object = context.address
        }
        require(notification.sinkBinding, of: notification.address, standsFor: object, "a notification's sink")
        require(
            notification.sinkSourceBinding, of: notification.address,
            standsFor: object == nil ? nil : notification.address, "a notification's source")
        let owner = notification.pointee.timerOwner.load()
        require(notification.pointee.timer.isArmed == (owner != 0), "a timer is armed and of no core, or the reverse")
    }

    /// Checks that no wake-up is lost: bits and a thread that waits for them exist together only while the thread's
    /// core is told.
    private mutating func checkDelivered(_ notification: Ref<KernelCore.Notification>, _ thread: Ref<ExecutionContext>)
    {
        guard notification.pointee.bits.load() != 0, notification.pointee.inboxQueued.load() == 0 else { return }
        require(thread.pointee.state != .waiting || thread.pointee.home == nil, "a wake-up was lost")
        let isAborting = notification.pointee.bits.load() & thread.pointee.abortMask != 0
        let isInMessage = thread.pointee.state == .calling && thread.pointee.callKind == .message
        require(!(isAborting && isInMessage), "an abort was lost")
    }

    private mutating func check(_ time: Ref<SchedulingContext>) {
        require(
            time.overrunBinding, of: time.address, standsFor: time.pointee.overrun.notification?.address,
            "told of overruns")
        require(time.pointee.remaining <= time.pointee.budget, "more is left of a budget than there is")
        require(
            time.pointee.budget <= time.pointee.period || time.pointee.budget == Ticks(0), "a budget beyond its period")
        require(time.pointee.isExhausted == time.pointee.timer.isArmed, "time is used up and waits for no new budget")
        require(
            !(time.pointee.isExhausted && (time.pointee.isQueued || time.pointee.isParked)),
            "time is used up and queued")
        require(!(time.pointee.isParked && time.pointee.isQueued), "time is parked and queued")
        require(
            !time.pointee.isParked || time.pointee.context?.pointee.usesOwnTime == true,
            "time is parked and not in use")
        guard let context = time.pointee.context else {
            return require(!time.pointee.isQueued, "queued time is nobody's")
        }
        guard isLive(context.address, .thread, .virtualCPU) else {
            return require(false, "time of a context that is gone")
        }
        require(context.pointee.home == time, "time knows a context that does not know it")
    }

    private mutating func check(_ interrupt: Ref<Interrupt>) {
        require(
            interrupt.binding, of: interrupt.address, standsFor: interrupt.pointee.bell.notification?.address,
            "an interrupt")
        require(
            board.pointee.interrupts[Int(interrupt.pointee.number)] == interrupt,
            "an interrupt is not in the board's table")
    }

    private mutating func check(_ space: Ref<AddressSpace>) {
        if let table = space.pointee.doorbells { check(table) }
        for number in 0..<16 {
            guard let context = space.pointee.virtualCPUs[number] else { continue }
            guard isLive(context.address, .virtualCPU) else {
                require(false, "virtual CPU \(number) of a space is gone")
                continue
            }
            require(context.pointee.space == space, "virtual CPU \(number) of a space is in another")
            require(
                context.pointee.guest?.pointee.affinity == UInt8(number), "virtual CPU \(number) has another number")
        }
        require(board.pointee.spaces[Int(space.pointee.identifier & 255)] == space, "a space's VMID is another's")
    }

    private mutating func check(_ table: Ref<DoorbellTable>) {
        var used: UInt64 = 0
        var buckets = [UInt64](repeating: 0, count: table.pointee.buckets.count)
        for place in 0..<DoorbellTable.count {
            let bell = table.pointee.doorbells[place].bell.notification
            require(table.binding(place), of: table.address, standsFor: bell?.address, "a doorbell")
            guard bell != nil else { continue }
            let address = table.pointee.doorbells[place].bell.address.load()
            let match = DoorbellMatch(bits: table.pointee.doorbells[place].match.load())
            used |= 1 << UInt64(place)
            buckets[table.pointee.bucket(address, match)] |= 1 << UInt64(place)
        }
        require(table.pointee.used == used, "the places of doorbells in use")
        for bucket in buckets.indices {
            require(table.pointee.buckets[bucket].load() == buckets[bucket], "the doorbells of bucket \(bucket)")
        }
    }

    private mutating func check(_ region: Ref<Region>) {
        require(
            region.pointee.start <= region.pointee.next && region.pointee.next <= region.pointee.end, "a region's end")
        require(region.pointee.zeroedTo <= region.pointee.end, "a region is zeroed beyond its end")
        require(region.pointee.dirtyEnd <= region.pointee.end, "a region is in use beyond its end")
    }

    // MARK: Mappings

    /// Checks that each mapping has its capability, and maps only memory of the capability's extent.
    mutating func checkMappings() {
        var leaves: [UInt64: [UInt64: (frame: UInt64, span: UInt64, rights: Rights)]] = [:]
        for (address, object) in objects where object.kind == .addressSpace {
            let space = Ref<AddressSpace>(at: PhysicalAddress(address))
            var found: [UInt64: (frame: UInt64, span: UInt64, rights: Rights)] = [:]
            collect(space.pointee.root, level: 1, base: 0, &found)
            leaves[address] = found
        }
        for mapping in mappings {
            guard let space = MappedRange.space(of: mapping, board) else { continue }
            let place = MappedRange(word: mapping.pointee.word)
            guard let extent = mapping.pointee.parent else { continue }
            var address = place.address.value
            while address < place.end.value {
                guard let leaf = leaves[space.address.value]?.removeValue(forKey: address) else {
                    return require(false, "a mapping's capability says more than is mapped")
                }
                let start = extent.pointee.object.value
                require(
                    leaf.frame >= start && leaf.frame + leaf.span <= start + extent.pointee.size,
                    "a mapping outside its extent")
                require(extent.pointee.rights.isSuperset(of: leaf.rights), "a mapping with more rights than its extent")
                address += leaf.span
            }
        }
        require(leaves.values.allSatisfy { $0.isEmpty }, "something is mapped without its capability")
    }

    private func collect(
        _ table: PhysicalAddress, level: Int, base: UInt64,
        _ found: inout [UInt64: (frame: UInt64, span: UInt64, rights: Rights)]
    ) {
        let entries = UnsafePointer<UInt64>(bitPattern: UInt(table.value))!
        for index in 0..<512 where entries[index] != 0 {
            let entry = PageTableEntry(bits: entries[index])
            let address = base + UInt64(index) * PageTable.span(level)
            if level < PageTable.lastLevel, let next = ModelHardware.table(of: entry) {
                collect(next, level: level + 1, base: address, &found)
            } else {
                found[address] = (
                    ModelHardware.frame(of: entry).value, PageTable.span(level), ModelHardware.rights(of: entry)
                )
            }
        }
    }
}
