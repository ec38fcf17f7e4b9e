import ABI
import VirtualPlatform

// The requests to storage, their answers, and the way of a chain back to the guest.
extension BlockBackend {
    // MARK: Requests

    /// Submits requests for a chain until all are submitted, or no slot or page is free. The chain's gate is open.
    @inline(__always)
    func submitParts(_ number: Int) {
        guard table.chains[number].carriesData else { return submitWhole(number) }
        while !table.chains[number].isSubmitted {
            guard submitPart(number) else { return }
            let chain = table.chains[number]
            if chain.submitted == chain.length { table.chains[number].isSubmitted = true }
        }
    }

    /// Submits the request of a chain without data.
    @inline(never)
    private func submitWhole(_ number: Int) {
        let chain = table.chains[number]
        guard !chain.isSubmitted else { return }
        let slot = Int(chain.slot)
        // A flush has no sector.
        let isFlush = chain.operation == .flush
        let request = BlockRequest(
            chain.operation, disk: UInt16(truncatingIfNeeded: slots[slot].number), sector: isFlush ? 0 : chain.sector,
            length: UInt32(truncatingIfNeeded: chain.length), forcesUnitAccess: !isFlush && !hasWriteCache(slot))
        guard requestShares.allowance(slot) > 0 else { return }
        guard submit(request, Part(chain: number, length: chain.length, slot: slot)) else { return }
        table.chains[number].isSubmitted = true
    }

    @inline(__always)
    private func submitPart(_ number: Int) -> Bool {
        let chain = table.chains[number]
        let slot = Int(chain.slot)
        guard requestShares.allowance(slot) > 0 else { return false }
        let wanted = min(chain.length &- chain.submitted, BlockLimit.part)
        let count = Int(truncatingIfNeeded: (wanted &+ WindowPages.pageSize &- 1) / WindowPages.pageSize)
        let allowed = pageShares.allowance(slot)
        guard allowed > 0, let run = pages.take(min(count, allowed)) else { return false }
        let length = min(wanted, run.size)
        let isLarge = chain.operation == .write && countCopy(length)
        let next =
            if chain.operation == .write {
                forEachPiece(of: number, from: chain.next, length: length) { range, place in
                    environment.ram.copy(range, toWindow: run.offset &+ place, isLarge: isLarge)
                }
            } else {
                forEachPiece(of: number, from: chain.next, length: length) { _, _ in }
            }
        let request = BlockRequest(
            chain.operation, disk: UInt16(truncatingIfNeeded: slots[slot].number),
            sector: chain.sector &+ chain.submitted / 512, length: UInt32(truncatingIfNeeded: length),
            offset: UInt32(truncatingIfNeeded: run.offset),
            forcesUnitAccess: chain.operation == .write && !hasWriteCache(slot))
        let part = Part(chain: number, place: chain.next, length: length, run: run, slot: slot)
        guard submit(request, part) else {
            pages.give(run)
            return false
        }
        pageShares.take(run.count, slot)
        table.chains[number].submitted &+= length
        table.chains[number].next = next
        return true
    }

    /// Counts the bytes of a copy. Returns true if the backend has copied so many since it slept that the rest is
    /// likely to be worth a way with a dear start, and that start is over if an earlier copy has taken it.
    @inline(__always)
    private func countCopy(_ length: UInt64) -> Bool {
        copied &+= length
        return copied >= BlockLimit.largeCopy
    }

    @inline(__always)
    private func submit(_ request: BlockRequest, _ part: Part) -> Bool {
        guard let slot = environment.submit(request) else { return false }
        parts[slot] = part
        requestShares.take(1, part.slot)
        table.chains[part.chain].outstanding &+= 1
        hasSubmitted = true
        return true
    }

    /// Returns whether writes may stay in a cache until a flush (5.2.6.2).
    @inline(__always)
    private func hasWriteCache(_ slot: Int) -> Bool {
        let features = slots[slot].features
        if features & BlockFeature.configurableCache == 0 { return features & BlockFeature.flush != 0 }
        return environment.control(slot, VirtioControl.hasWriteCache) != 0
    }

    /// Goes on with the chains that wait for a request or for pages.
    @inline(__always)
    func continueWaiting() {
        var slotsToVisit = table.waitingSlots
        while slotsToVisit != 0 {
            let slot = slotsToVisit.trailingZeroBitCount
            slotsToVisit &= slotsToVisit &- 1
            let number = table.waitingChain(slot)
            let chain = table.chains[number]
            if isLive(chain), chain.status == .ok {
                // The chain is stale by the next turn if the gate does not open.
                guard open(slot) else { continue }
                submitParts(number)
                guard table.chains[number].isSubmitted else { continue }
            } else {
                table.chains[number].isSubmitted = true
            }
            table.stopWaiting(slot)
            finishIfDone(number)
        }
    }

    // MARK: Answers

    /// Returns whether the guest still waits for the chain.
    @inline(__always)
    private func isLive(_ chain: Chain) -> Bool {
        let index = Self.index(Int(chain.slot), Int(chain.queue))
        return queues[index].isActive && queues[index].life == chain.life
    }

    /// Opens the gate of a chain's slot. Returns false if the chain's queue has ended.
    ///
    /// If the monitor has stopped another queue of the slot, the chain is still live after that was seen. Each
    /// repetition of the loop takes another stop, for which the guest leaves its virtual CPU.
    @inline(__always)
    private func openIfLive(_ chain: Chain) -> Bool {
        while isLive(chain) {
            if open(Int(chain.slot)) { return true }
            examine()
        }
        return false
    }

    @inline(__always)
    func takeAnswers() {
        while let answer = environment.nextAnswer() {
            let part = parts[answer.slot]
            if part.chain < 0 {
                dropOld(answer.slot, part)
                continue
            }
            take(answer, part)
        }
    }

    /// Takes the answer to a request of an earlier life, whose chain is performed again.
    @inline(never)
    private func dropOld(_ number: Int, _ part: Part) {
        environment.release(number)
        guard part.slot >= 0 else {
            unknownRequests &-= 1
            mustExamine = true
            return
        }
        give(part)
        parts[number] = Part()
        slots[part.slot].oldRequests &-= 1
        mustExamine = true
    }

    /// Gives back the pages and the request of a part.
    @inline(__always)
    private func give(_ part: Part) {
        pages.give(part.run)
        pageShares.give(part.run.count, part.slot)
        requestShares.give(1, part.slot)
    }

    @inline(__always)
    private func take(_ answer: BlockAnswer, _ part: Part) {
        let number = part.chain
        let chain = table.chains[number]
        if answer.status != .ok {
            table.chains[number].status = RequestStatus(answer.status)
        } else if chain.operation == .read, openIfLive(chain) {
            let isLarge = countCopy(part.length)
            forEachPiece(of: number, from: part.place, length: part.length) { range, place in
                environment.ram.copy(fromWindow: part.run.offset &+ place, to: range, isLarge: isLarge)
            }
        }
        give(part)
        parts[answer.slot].chain = -1
        environment.release(answer.slot)
        table.chains[number].outstanding &-= 1
        finishIfDone(number)
    }

    // MARK: Back to the guest

    /// A chain that waits is finished by `continueWaiting`.
    @inline(__always)
    private func finishIfDone(_ number: Int) {
        let chain = table.chains[number]
        guard chain.isFinished else { return }
        if openIfLive(chain) { finish(number) } else { drop(number) }
    }

    /// Ends a chain whose queue's life is over.
    private func drop(_ number: Int) {
        let slot = Int(table.chains[number].slot)
        release(number, slot)
        slots[slot].stale &-= 1
        if slots[slot].stale == 0 { mustExamine = true }
    }

    /// Gives a chain back to the guest. The gate is open.
    @inline(__always)
    func finish(_ number: Int) {
        let chain = table.chains[number]
        let index = Self.index(Int(chain.slot), Int(chain.queue))
        let last = table.buffer(Int(chain.count) &- 1, of: number)
        environment.ram.store(UInt64(chain.status.rawValue), last.part(at: last.size &- 1, size: 1))
        let written = chain.status == .ok ? UInt32(truncatingIfNeeded: chain.written) &+ 1 : 1
        // A life that follows sees by the order of these four steps whether the guest has the chain (InFlight.swift).
        queues[index].record.announce(chain.head, environment.lasting)
        queues[index].queue.use(chain.head, length: written, environment.ram)
        queues[index].record.finish(chain.head, environment.lasting)
        touched |= 1 &<< UInt64(index)
        release(number, Int(chain.slot))
    }
}
