import ABI
import VirtualPlatform

// The interrupts of the devices. They are edges, so the interrupt status is only what the guest's handler reads.
//
// Bit 0 of the status, a queue has used chains, stays set once it was set. An interrupt of a queue is raised each time
// that one is due, so a handler always has a reason to look at the queues. Because a guest's acknowledgement wakes
// nobody, the backend could clear the bit only by chance, and could clear it before the handler of a later interrupt
// reads it. Bit 1, the configuration has changed, is cleared once the guest has acknowledged it, because handlers do
// more work for it.
extension BlockBackend {
    /// Raises the interrupts for the chains that were given back.
    @inline(__always)
    func interrupt() {
        // A gate that does not open leaves the bits for the next turn, which has seen the change by then.
        var later: UInt64 = 0
        while touched != 0 {
            let index = touched.trailingZeroBitCount
            touched &= touched &- 1
            guard open(index >> 3) else {
                later |= 1 &<< UInt64(index)
                continue
            }
            if queues[index].queue.needsInterrupt(environment.ram) { mustInterrupt |= 1 &<< UInt64(index >> 3) }
        }
        (touched, later) = (later, 0)
        while mustInterrupt != 0 {
            let slot = mustInterrupt.trailingZeroBitCount
            mustInterrupt &= mustInterrupt &- 1
            guard open(slot) else {
                later |= 1 &<< UInt64(slot)
                continue
            }
            let status = environment.register(slot, VirtioRegister.interruptStatus)
            if status & InterruptStatus.queue == 0 {
                environment.setRegister(slot, VirtioRegister.interruptStatus, status | InterruptStatus.queue)
            }
            environment.raiseInterrupt(slot)
        }
        mustInterrupt = later
    }

    /// Tells the guest that the configuration or the status has changed.
    func interruptForConfiguration(_ slot: Int) {
        guard open(slot) else {
            // `examine` tries again once it has seen the change of the control page.
            slots[slot].hasNews = true
            mustExamine = true
            return
        }
        slots[slot].hasNews = false
        let status = environment.register(slot, VirtioRegister.interruptStatus)
        environment.setRegister(slot, VirtioRegister.interruptStatus, status | InterruptStatus.configuration)
        count(environment.takeAcknowledgements() & ~(1 &<< UInt64(slot)))
        // A handler that has read the status just before acknowledges the interrupt before. The next acknowledgement
        // is for this one.
        awaitAcknowledgements(slot, 2)
        environment.raiseInterrupt(slot)
    }

    /// Clears the bits of configuration changes that guests have acknowledged.
    func takeAcknowledgements() {
        count(environment.takeAcknowledgements())
        close()
    }

    /// Sets the number of acknowledgements that the guest of a slot still has to make.
    func awaitAcknowledgements(_ slot: Int, _ count: Int) {
        slots[slot].awaitedAcknowledgements = count
        let bit: UInt64 = 1 &<< UInt64(slot)
        awaiting = count > 0 ? awaiting | bit : awaiting & ~bit
    }

    private func count(_ acknowledged: UInt64) {
        for slot in 0..<VirtioPages.slots
        where acknowledged & 1 &<< UInt64(slot) != 0 && slots[slot].awaitedAcknowledgements > 0 {
            awaitAcknowledgements(slot, slots[slot].awaitedAcknowledgements &- 1)
            guard slots[slot].awaitedAcknowledgements == 0, open(slot) else { continue }
            let status = environment.register(slot, VirtioRegister.interruptStatus)
            environment.setRegister(slot, VirtioRegister.interruptStatus, status & ~InterruptStatus.configuration)
        }
    }
}
