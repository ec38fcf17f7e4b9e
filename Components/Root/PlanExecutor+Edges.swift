import ABI
@_spi(Kernel) import Entente
import Supervision
import Synchronization

// The execution of one edge of the plan, which is mostly one operation of the kernel.
extension PlanExecutor {
    mutating func perform(_ edge: PlanEdge) -> Status {
        let words = edge.words
        switch PlanEdgeKind(rawValue: edge.kind) {
        case .capability: return invokeUntilDone(.derive, Selector(slot: edge[0]), edge.operands(from: 1)).status
        case .map:
            return map(edge[0], edge[1], words[2], offset: words[3], size: words[4], rights: words[5], in: edge[6])
        case .configure: return contextControl(edge[0], .configure, edge.operands(from: 1)).status
        case .time: return configureTime(edge)
        case .stopped: return contextControl(edge[0], .bindStopped, edge.operands(from: 1)).status
        case .overrun: return scheduleControl(edge[0], .bindOverrun, edge.operands(from: 1)).status
        case .portal: return contextControl(edge[1], .bindPortal, Words(words[0])).status
        case .thread: return notificationBind(edge[0], .thread, edge.operands(from: 1)).status
        case .virtualInterrupt: return notificationBind(edge[0], .virtualInterrupt, edge.operands(from: 1)).status
        case .interrupt:
            return invoke(
                .interruptControl, Selector(slot: edge[0], form: InterruptControl.bind.rawValue), edge.operands(from: 1)
            ).status
        case .doorbell: return invokeUntilDone(.doorbell, Selector(slot: edge[0]), edge.operands(from: 1)).status
        case .messagePage: return contextControl(edge[0], .setMessagePage, edge.operands(from: 1)).status
        case .affinity: return contextControl(edge[0], .setAffinity, edge.operands(from: 1)).status
        case .registers:
            return invoke(
                .contextState, Selector(slot: edge[0], form: ContextState.write.rawValue),
                Words(words[1], 2, words[2], words[3])
            ).status
        case .contents: memory.copy(imageOffset: words[2], size: words[3], to: edge[0], at: words[1])
        case .lives:
            write(edge.owner == PlanOwner.system ? 0 : tenants[Int(edge.owner) - 1].deaths, edge[0], at: words[1])
        case .seed: writeSeed(edge)
        case .physicalAddress:
            let answer = invoke(.system, system(.extentAddress), Words(words[0]))
            if answer.status != .ok { return answer.status }
            write(answer.words.w0, edge[1], at: words[2])
        case .start: break
        case nil: return .badArgument
        }
        return .ok
    }

    /// The plan has nanoseconds, because the host does not know the board's counter. The ticks are rounded up, so that
    /// only 0 stays 0. Durations are below 2³⁴ ns and frequencies below about 2³⁰ Hz, so that the product fits.
    private func configureTime(_ edge: PlanEdge) -> Status {
        func ticks(_ nanoseconds: UInt64) -> UInt64 { (nanoseconds * Clock.frequency + 999_999_999) / 1_000_000_000 }
        let slice = Clock.frequency / 100
        return scheduleControl(
            edge[0], .configure, Words(edge.words[1], edge.words[2], slice, ticks(edge.words[3]), ticks(edge.words[4]))
        ).status
    }

    /// Stores a word that others may read at the same time.
    private func write(_ value: UInt64, _ extent: UInt32, at offset: UInt64) {
        memory.withView(of: extent, offset: offset & ~4095, size: 4096) { address in
            // SAFETY: root just mapped the page there; the offset is a multiple of 8 in it, and all read it atomically.
            let word = unsafe UnsafePointer<Atomic<UInt64>>(bitPattern: UInt(address + offset & 4095)).unsafelyUnwrapped
            // SAFETY: as above.
            unsafe word.pointee.store(value, ordering: .releasing)
        }
    }

    /// Writes random bits that no other tenant gets, and whether they can be guessed. The counter makes them differ if
    /// the board has no source of random bits.
    private mutating func writeSeed(_ edge: PlanEdge) {
        random.mix(Clock.now)
        let seed = random.next()
        for index in 0..<4 { write(seed[index], edge[0], at: edge.words[1] + UInt64(index) * 8) }
        write(random.hasEntropy ? 1 : 0, edge[0], at: edge.words[1] + 32)
    }
}

extension PlanEdge {
    /// Returns a word as a slot of root's table.
    subscript(_ index: Int) -> UInt32 { UInt32(truncatingIfNeeded: words[index]) }

    /// Returns the words of an operation, which begin behind its selector.
    func operands(from first: Int) -> Words {
        Words(words[first], words[first + 1], words[first + 2], words[first + 3], words[first + 4], words[first + 5])
    }
}
