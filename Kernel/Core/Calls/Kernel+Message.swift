import ABI

// The parts of a message beyond six words: up to 64 words, two capabilities and a lease, by way of the message pages.
//
// A message page lies in an extent of its thread. The kernel accesses it by its physical address, so that a transfer
// cannot fault. The kernel reads each word of it once, when it uses the word, because the thread may change the page
// meanwhile. `Kernel+Call.swift` calls these functions only for messages that need them.

extension Kernel {
    /// Checks the message that the caller wants to send, before anything is changed.
    @inline(__always)
    static func prepareShape(_ caller: Ref<ExecutionContext>, _ shape: MessageShape) throws(Failure) {
        if shape.bits != 0 { try checkMore(caller, shape) }
        caller.pointee.shape = shape
    }

    @inline(never)
    private static func checkMore(_ caller: Ref<ExecutionContext>, _ shape: MessageShape) throws(Failure) {
        guard shape.isValid else { throw .badArgument }
        let page = caller.pointee.messagePage
        guard page.value != 0 else { throw .badState }
        for index in 0..<UInt64(shape.capabilities) {
            guard let slot = caller.pointee.table?.pointee.slot(sentSlot(page, index)), !slot.pointee.isEmpty else {
                throw .badCapability
            }
            guard slot.pointee.rights.contains(.manage) else { throw .noRights }
        }
        guard shape.hasLease else { return }
        let address = M.readWord(page + MessagePage.lease)
        let size = M.readWord(page + (MessagePage.lease &+ 8))
        guard address < AddressSpace.addressLimit, size <= AddressSpace.addressLimit &- address else {
            throw .badArgument
        }
        caller.pointee.lease = Lease(
            address: GuestAddress(address), size: size,
            rights: Rights(rawValue: UInt8(truncatingIfNeeded: M.readWord(page + (MessagePage.lease &+ 16)) & 3)))
    }

    private static func sentSlot(_ page: PhysicalAddress, _ index: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: M.readWord(page + (MessagePage.sentCapabilities &+ index &* 16)))
    }

    /// Transfers the rest of a message, and reports in the receiver's `x0` the parts that arrived. Parts for which
    /// the receiver has no room are not transferred.
    @inline(never)
    static func transferMore(_ sender: Ref<ExecutionContext>, _ receiver: Ref<ExecutionContext>, _ shape: MessageShape)
    {
        let from = sender.pointee.messagePage
        let to = receiver.pointee.messagePage
        var arrival: UInt64 = shape.hasLease ? ArrivalBits.lease : 0
        if from.value != 0, to.value != 0 {
            if shape.length > 6 {
                M.copyWords(
                    from: from + 48, to: to + 48, count: UInt64(shape.length) &- 6)
                arrival |= UInt64(shape.length) << ArrivalBits.lengthShift
            }
            if shape.capabilities != 0 {
                let count = transferCapabilities(sender, from, receiver, to, UInt64(shape.capabilities))
                arrival |= count << ArrivalBits.capabilitiesShift
            }
        }
        receiver.pointee.frame.x[0] |= arrival
    }

    /// Returns how many of the sender's capabilities have landed in the receiver's slots.
    private static func transferCapabilities(
        _ sender: Ref<ExecutionContext>, _ from: PhysicalAddress, _ receiver: Ref<ExecutionContext>,
        _ to: PhysicalAddress,
        _ count: UInt64
    ) -> UInt64 {
        var landed: UInt64 = 0
        try? exclusively { () throws(Failure) in
            while landed < count {
                try transferCapability(sender, from, receiver, to, landed)
                landed &+= 1
            }
        }
        return landed
    }

    /// Derives one of the sent capabilities into the receiver's slot. The pages are those that were bound when the
    /// transfer began. Another core may unbind them meanwhile, but their memory stays unused until this core has left
    /// the kernel.
    private static func transferCapability(
        _ sender: Ref<ExecutionContext>, _ from: PhysicalAddress, _ receiver: Ref<ExecutionContext>,
        _ to: PhysicalAddress,
        _ index: UInt64
    ) throws(Failure) {
        let record = from + (MessagePage.sentCapabilities &+ index &* 16)
        let slotAndRights = M.readWord(record)
        let landing = M.readWord(to + MessagePage.receiveSlots) >> (index &* 32)
        let slot = try freeSlot(receiver.pointee.table, landing & 0xFFFF_FFFF)
        guard let source = sender.pointee.table?.pointee.slot(UInt32(truncatingIfNeeded: slotAndRights)),
            !source.pointee.isEmpty
        else { throw .badCapability }
        let child = try derivedValue(
            source, rights: slotAndRights >> 32, badgeOrOffset: M.readWord(record + 8), size: 0)
        publish(child, in: slot, under: source)
    }
}

/// Memory that a caller lends its server until the reply, for `copy`.
public struct Lease {
    public var address: GuestAddress
    public var size: UInt64
    /// The rights that the server has on the memory: `read` and `write`.
    public var rights: Rights
}
