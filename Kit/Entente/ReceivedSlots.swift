import ABI

/// The slots that receive the capabilities of messages.
public enum ReceivedSlots {
    /// Tells the kernel two free slots, or as many as there are.
    public static func prepare() {
        let page = MessageMemory.current
        // A server that takes capabilities does this before each call, so it may cost no loop over all slots.
        var free = ~page.usedSlots & (1 << UInt64(InitialSlot.receivedCount) &- 1)
        var slots: UInt64 = 0
        for half in 0..<UInt64(2) where free != 0 {
            slots |= (UInt64(InitialSlot.firstReceived) + UInt64(free.trailingZeroBitCount)) << (32 * half)
            free &= free &- 1
        }
        page.receiveSlots = slots
    }

    static func contains(_ slot: UInt32) -> Bool {
        slot >= InitialSlot.firstReceived && slot < InitialSlot.firstReceived + InitialSlot.receivedCount
    }

    /// Marks as used the slots of `count` capabilities that have just come.
    ///
    /// - Returns: the slots, the first in the low half.
    @inline(never)
    static func land(_ count: Int) -> UInt64 {
        let page = MessageMemory.current
        let slots = page.receiveSlots
        for index in 0..<UInt64(min(count, 2)) {
            let slot = UInt32(truncatingIfNeeded: slots >> (32 * index))
            if contains(slot) { page.usedSlots |= 1 << UInt64(slot - InitialSlot.firstReceived) }
        }
        return slots
    }

    static func release(_ slot: UInt32) {
        guard contains(slot) else { return }
        var status = Status.again
        while status == .again {
            status = invoke(.revoke, Selector(slot: slot, form: RevokeForm.delete.rawValue)).status
        }
        // The slot is empty if the sender has revoked the capability or has died.
        if status == .ok || status == .badCapability {
            MessageMemory.current.usedSlots &= ~(1 << UInt64(slot - InitialSlot.firstReceived))
        }
    }
}
