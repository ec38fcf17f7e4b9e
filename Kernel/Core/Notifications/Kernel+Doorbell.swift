import ABI

// Doorbells: the operation that binds one, and the store of a virtual CPU that rings one.
//
// Kernel/AArch64 calls `bell` for a store for which `DoorbellTable.candidates` has found something. It raises the bits
// by `raiseFast`, by `wakeFast` (Kernel+FastWake.swift), or by `ring`, the general path.

extension Kernel {
    /// Performs `doorbell`: from now on a store to a guest address of a space raises bits. `x1` is the space, `x2` the
    /// guest address, `x3` the notification, `x4` the bits and `x5` the `DoorbellMatch`.
    static func bindDoorbell(_ caller: Ref<ExecutionContext>, _ selector: Selector) throws(Failure) {
        let space = try findNode(caller, UInt64(selector.slot), .addressSpace, .write)
            .pointee.target(AddressSpace.self)
        let address = caller.pointee.frame.x[2], match = DoorbellMatch(bits: caller.pointee.frame.x[5])
        let notification = try findNode(caller, caller.pointee.frame.x[3], .notification, .manage)
        guard address & 3 == 0, match.isPossible else { throw .badArgument }
        try mayGrow(notification)
        guard let table = space.pointee.doorbells else { throw .noMemory }
        try requireFree(table, address, match)
        let place = (~table.pointee.used).trailingZeroBitCount
        guard place < DoorbellTable.count else { throw .noMemory }
        table.pointee.used |= 1 << UInt64(place)
        bind(table.binding(place), .doorbell, in: table.address, to: notification)
        hang(
            table.pointee.doorbells[place].bell, notification.pointee.target(Notification.self),
            caller.pointee.frame.x[4], address: address
        ) {
            table.pointee.doorbells[place].match.relaxedStore(match.bits)
        }
        table.pointee.buckets[table.pointee.bucket(address, match)].set(1 << UInt64(place))
    }

    /// Throws if a store could ring both a bound doorbell and a new one.
    private static func requireFree(
        _ table: Ref<DoorbellTable>, _ address: UInt64, _ match: DoorbellMatch
    ) throws(Failure) {
        for place in 0..<DoorbellTable.count where table.pointee.used & 1 << UInt64(place) != 0 {
            let other = DoorbellMatch(bits: table.pointee.doorbells[place].match.relaxedLoad())
            if table.pointee.doorbells[place].bell.address.relaxedLoad() == address, match.overlaps(other) {
                throw .occupied
            }
        }
    }

    /// Unbinds the doorbell to which a binding belongs. Requires the lock.
    static func unbindDoorbell(_ table: Ref<DoorbellTable>, _ binding: Ref<Capability>) {
        let place = Int((binding.address.value &- table.binding(0).address.value) / Capability.size) & 63
        let address = table.pointee.doorbells[place].bell.address.relaxedLoad()
        let match = DoorbellMatch(bits: table.pointee.doorbells[place].match.relaxedLoad())
        table.pointee.buckets[table.pointee.bucket(address, match)].clear(1 << UInt64(place))
        hang(table.pointee.doorbells[place].bell, nil)
        table.pointee.used &= ~(1 << UInt64(place))
    }

    /// Returns the event of a doorbell; nil if this store does not ring it.
    @inline(__always)
    public static func bell(of doorbell: Ref<Doorbell>, _ store: GuestStore) -> RungBell? {
        let found = look(doorbell.pointee.bell, address: store.address.value) { doorbell.pointee.match.relaxedLoad() }
        guard let found, DoorbellMatch(bits: found.word).matches(store.value) else { return nil }
        return found.bell
    }

    /// Returns the event of the doorbell that a store rings; nil if it rings none.
    public static func bell(in table: Ref<DoorbellTable>, _ store: GuestStore) -> RungBell? {
        var rest = table.pointee.candidates(store.address, value: store.value)
        while rest != 0 {
            if let bell = bell(of: table.first(of: rest), store) { return bell }
            rest &= rest &- 1
        }
        return nil
    }

    /// Raises the bits of a doorbell that the running virtual CPU rings.
    public static func ring(_ core: Ref<Core>, _ bell: RungBell) {
        if let notification = core.pointee.untold {
            core.pointee.untold = nil
            return tell(core, notification)
        }
        raise(core, bell.notification, bell.bits)
    }

    /// Raises the bits of a doorbell if no context has to be told: the notification has no sink, its sink is a thread
    /// of this core that runs on its own time, or all bits are set already. Returns the virtual CPU, which continues.
    /// If the result is nil, `ring` completes the work.
    @inline(__always)
    public static func raiseFast(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ bell: RungBell
    ) -> Ref<ExecutionContext>? {
        let notification = bell.notification
        let sink = notification.pointee.sink.load()
        switch Hearer(sink: sink) {
        case .nobody: break
        case .thread(let thread):
            if bell.bits & ~notification.pointee.bits.relaxedLoad() == 0 { return raiseAgain(core, context, bell) }
            guard thread.pointee.core == core.pointee.id, thread.pointee.usesOwnTime, thread.pointee.abortMask == 0
            else { return nil }
        case .virtualInterrupt: return nil
        }
        notification.pointee.bits.set(bell.bits)
        guard notification.pointee.sink.load() == sink else {
            // Another core has changed the sink before it could see the bits.
            core.pointee.untold = notification
            return nil
        }
        return context
    }

    /// Raises bits that seem to be set. The store orders this event before the thread's next look. If the bits were
    /// indeed set, whoever set them has told the thread, or its core.
    @inline(__always)
    private static func raiseAgain(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ bell: RungBell
    ) -> Ref<ExecutionContext>? {
        if bell.bits & ~bell.notification.pointee.bits.set(bell.bits) == 0 { return context }
        core.pointee.untold = bell.notification
        return nil
    }
}
