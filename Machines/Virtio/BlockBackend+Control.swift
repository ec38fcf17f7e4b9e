import ABI
import VirtualPlatform

// The changes that the monitor makes by order of the guest, and those of the disks.
extension BlockBackend {
    /// Takes over the control page.
    @inline(never)
    func examine() {
        mustExamine = false
        close()
        for slot in 0..<VirtioPages.slots where slots[slot].isAttached { examine(slot) }
    }

    private func examine(_ slot: Int) {
        let generation = environment.control(slot, VirtioControl.generation)
        if generation != slots[slot].generation { retire(slot, generation) }
        if slots[slot].hasNews { interruptForConfiguration(slot) }
        let status = environment.control(slot, VirtioControl.status)
        if status & VirtioStatus.needsReset != 0, !slots[slot].hasToldGuest {
            slots[slot].hasToldGuest = true
            if status & VirtioStatus.driverOK != 0 { interruptForConfiguration(slot) }
        }
        guard status & VirtioStatus.driverOK != 0, !slots[slot].isBroken, slots[slot].stale == 0,
            slots[slot].oldRequests == 0, unknownRequests == 0
        else { return }
        slots[slot].features = environment.control(slot, VirtioControl.features)
        for queue in 0..<slots[slot].queueCount where !queues[Self.index(slot, queue)].isActive {
            let life = environment.control(slot, VirtioControl.life(queue))
            if life & 1 != 0 { activate(slot, queue, life) }
        }
    }

    /// Ends the lives of queues that the monitor has ended.
    private func retire(_ slot: Int, _ generation: UInt64) {
        let resets = environment.control(slot, VirtioControl.resets)
        if resets != slots[slot].resets {
            slots[slot].resets = resets
            slots[slot].isBroken = false
            slots[slot].hasToldGuest = false
            slots[slot].hasNews = false
            awaitAcknowledgements(slot, 0)
        }
        for queue in 0..<slots[slot].queueCount {
            let index = Self.index(slot, queue)
            let life = environment.control(slot, VirtioControl.life(queue))
            guard queues[index].life != life else { continue }
            if queues[index].isActive { slots[slot].stale &+= chainCount(slot, queue) }
            queues[index].isActive = false
            slots[slot].activeQueues &= ~(1 &<< UInt64(queue))
            queues[index].life = life
            touched &= ~(1 &<< UInt64(index))
        }
        slots[slot].generation = generation
        environment.setBackend(slot, VirtioBackend.seenGeneration, generation)
    }

    private func chainCount(_ slot: Int, _ queue: Int) -> Int {
        var count = 0
        for number in 0..<BlockLimit.chains where table.isUsed(number) {
            let chain = table.chains[number]
            if Int(chain.slot) == slot, Int(chain.queue) == queue, chain.life == queues[Self.index(slot, queue)].life {
                count &+= 1
            }
        }
        return count
    }

    /// Begins to take chains of a queue that is ready. If the queue had begun in an earlier life of the backend, it
    /// goes on there.
    private func activate(_ slot: Int, _ queue: Int, _ life: UInt64) {
        guard open(slot) else { return }
        let index = Self.index(slot, queue)
        let addresses = QueueAddresses(
            size: environment.control(slot, VirtioControl.size(queue)),
            descriptors: environment.control(slot, VirtioControl.descriptors(queue)),
            driver: environment.control(slot, VirtioControl.driver(queue)),
            device: environment.control(slot, VirtioControl.device(queue)))
        var state = QueueState()
        (state.life, state.record) = (life, InFlightRecord(slot: slot, queue: queue))
        do throws(QueueError) {
            state.queue = try self.queue(addresses, slot, (0, 0))
            let resumed = state.record.resume(life: life, environment.lasting) {
                state.queue.publishedIndex(environment.ram)
            }
            if let resumed {
                state.queue = try self.queue(addresses, slot, resumed)
                (state.again, state.hasAgain) = (state.record.marks, true)
                // The life before may have died between the last chain that it gave back and its interrupt.
                mustInterrupt |= 1 &<< UInt64(slot)
            } else {
                state.record.begin(life: life, environment.lasting)
            }
        } catch {
            return fail(slot)
        }
        state.isActive = true
        state.queue.silence(environment.ram)
        queues[index] = state
        slots[slot].activeQueues |= 1 &<< UInt64(queue)
        notified |= 1 &<< UInt64(slot)
    }

    private func queue(
        _ addresses: QueueAddresses, _ slot: Int, _ counts: (taken: UInt16, used: UInt16)
    ) throws(QueueError) -> VirtQueue {
        let features = slots[slot].features
        return try VirtQueue(
            addresses, bounds: environment.ram.bounds, usesEventIndex: features & BlockFeature.eventIndex != 0,
            permitsIndirect: features & BlockFeature.indirect != 0, taken: counts.taken, used: counts.used)
    }

    // MARK: Disks

    /// Takes over the descriptions of the disks that have changed, and shows them to the guest.
    func refreshDisks() {
        for slot in 0..<VirtioPages.slots where slots[slot].isAttached {
            guard let disk = environment.disk(slots[slot].number) else { continue }
            let before = slots[slot].disk
            guard before != disk else { continue }
            slots[slot].disk = disk
            let isNews = describe(disk, slot)
            if before == nil {
                environment.setBackend(slot, VirtioBackend.state, VirtioBackend.State.ready)
                environment.tellMonitor()
            }
            // A guest at work may know another description from the backend's life before.
            let isAtWork = environment.control(slot, VirtioControl.status) & VirtioStatus.driverOK != 0
            if before != nil || isNews && isAtWork {
                interruptForConfiguration(slot)
                close()
            }
        }
    }

    /// Writes the configuration. A guest that reads it meanwhile finds another generation afterwards (4.2.2.1), or
    /// reads it again at the interrupt that follows. Returns true if it has changed.
    private func describe(_ disk: BlockDisk, _ slot: Int) -> Bool {
        let count = slots[slot].queueCount
        environment.setBackend(slot, VirtioBackend.features, BlockFeature.offered(for: disk, queues: count))
        environment.setBackend(
            slot, VirtioBackend.queues, UInt64(count) | UInt64(VirtioPages.maximumQueueSize) << 32)
        let generation = environment.register(slot, VirtioRegister.configurationGeneration)
        environment.setRegister(slot, VirtioRegister.configurationGeneration, generation &+ 1)
        let configuration = BlockConfiguration(disk, queues: count)
        var hasChanged = false
        for index in 0..<BlockConfiguration.words {
            var word = configuration.word(index)
            let register = VirtioRegister.configuration &+ 4 &* index
            if index == BlockConfiguration.cacheWord { word |= environment.register(slot, register) & 0xFF }
            if environment.register(slot, register) != word { hasChanged = true }
            environment.setRegister(slot, register, word)
        }
        environment.setRegister(slot, VirtioRegister.configurationGeneration, generation &+ 2)
        return hasChanged
    }
}
