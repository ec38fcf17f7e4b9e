import ABI

/// The slots that receive the capabilities of messages.
public enum ReceivedSlots {
    /// Tells the kernel two free slots, or as many as there are.
    public static func prepare() {
        let page = MessageMemory.current
        let used = page.usedSlots
        var slots: UInt64 = 0
        var found: UInt64 = 0
        for index in 0..<InitialSlot.receivedCount where used & 1 << UInt64(index) == 0 && found < 2 {
            slots |= UInt64(InitialSlot.firstReceived + index) << (32 * found)
            found += 1
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
