import ABI
@_spi(Kernel) import Entente
import Foundation

/// A capability of a fake component.
struct FakeObject {
    enum Kind {
        case portal(FakeComponent)
        case notification(FakeNotification)
        case interrupt(FakeInterrupt)
        case consoleDriver
        case thread
    }
    var kind: Kind
    var rights: Rights
    var badge: UInt64

    init(_ kind: Kind, _ rights: Rights, badge: UInt64 = 0) {
        self.kind = kind
        self.rights = rights
        self.badge = badge
    }
}

/// The memory of a caller while a server answers its call.
struct FakeLease {
    var address: UInt64
    var size: UInt64
    var rights: Rights
}

extension FakeComponent: KernelStandIn {
    public var counter: UInt64 { kernel.ticks }
    public var counterFrequency: UInt64 { FakeKernel.frequency }
    public func address(_ componentAddress: UInt64) -> UInt64 {
        if let window = windows.first(where: { $0.key <= componentAddress && componentAddress - $0.key < $0.value.size }
        ) {
            return window.value.address + (componentAddress - window.key)
        }
        return pages.address(componentAddress)
    }

    public func invoke(_ operation: ABI.Operation, _ selector: Selector, _ words: Words) -> Answer {
        switch operation {
        case .call: call(selector, words)
        case .replyWait: wait(selector)
        case .signal: signal(selector, words)
        case .poll: poll(selector)
        case .timer: timer(selector, words)
        case .copy: copy(selector, words)
        case .revoke: revoke(selector)
        case .contextControl: contextControl(selector, words)
        case .notificationBind: bind(selector, words)
        case .interruptControl: interruptControl(selector)
        case .scheduleControl where selector.form == ScheduleControl.yield.rawValue: yieldOnce()
        default: answer(.unsupported)
        }
    }

    private func yieldOnce() -> Answer {
        yields += 1
        return answer(.ok)
    }

    private func answer(_ status: Status, tag: UInt64 = 0, _ words: Words = Words()) -> Answer {
        Answer(rawStatus: status.rawValue, tag: tag, words: words)
    }

    // MARK: Calls

    private func call(_ selector: Selector, _ words: Words) -> Answer {
        guard let object = table[selector.slot], case .portal(let server) = object.kind else {
            return answer(.badCapability)
        }
        guard object.rights.contains(.write) else { return answer(.noRights) }
        guard server.isAlive else { return answer(.dead, tag: server.generation) }
        guard !isAborting else { return answer(.aborted, tag: server.generation) }
        let shape = MessageShape(bits: selector.form)
        guard shape.isValid else { return answer(.badArgument) }
        let outerLease = server.lease
        defer { server.lease = outerLease }
        server.lease = shape.hasLease ? pages.sentLease : nil
        let arrived = transfer(shape, words, to: server, tag: object.badge)
        guard let reply = server.answer(arrived) else { return answer(.dead, tag: server.generation) }
        return server.transfer(reply.shape, reply.words, to: self, tag: server.generation)
    }

    /// Transfers a message as the kernel does: words beyond six, and each capability for which the receiver has a
    /// free slot.
    private func transfer(_ shape: MessageShape, _ words: Words, to receiver: FakeComponent, tag: UInt64) -> Answer {
        var arrival = Status.ok.rawValue | UInt64(shape.length) << ArrivalBits.lengthShift
        if shape.length > 6 { receiver.pages.copyWords(6..<Int(shape.length), from: pages) }
        var landed: UInt64 = 0
        for index in 0..<Int(shape.capabilities) {
            let sent = pages.sentCapability(index)
            let slot = receiver.pages.receiveSlot(Int(landed))
            // The capabilities behind it are not transferred either, as in the kernel.
            guard let object = table[sent.slot], slot != 0, receiver.table[slot] == nil else { break }
            receiver.table[slot] = FakeObject(
                object.kind, object.rights.intersection(sent.rights),
                badge: object.badge != 0 ? object.badge : sent.badge)
            landed += 1
        }
        arrival |= landed << ArrivalBits.capabilitiesShift
        if shape.hasLease { arrival |= ArrivalBits.lease }
        return Answer(rawStatus: arrival, tag: tag, words: words)
    }

    private func wait(_ selector: Selector) -> Answer {
        guard selector.form & ReplyForm.wait != 0, let events = wait() else { return answer(.badState) }
        return answer(.notified, tag: events.bits)
    }

    private func copy(_ selector: Selector, _ words: Words) -> Answer {
        guard let lease else { return answer(.badState) }
        let (offset, own, size) = (words.w0, words.w1, words.w2)
        guard offset <= lease.size, size <= lease.size - offset else { return answer(.badArgument) }
        let isWrite = selector.form == CopyForm.write.rawValue
        guard lease.rights.contains(isWrite ? .write : .read) else { return answer(.noRights) }
        // The kernel copies no more than this in one entry.
        let part = min(size, 4096)
        if part > 0 {
            let caller = UnsafeMutableRawPointer(bitPattern: UInt(lease.address + offset))!
            let mine = UnsafeMutableRawPointer(bitPattern: UInt(own))!
            memmove(isWrite ? caller : mine, isWrite ? mine : caller, Int(part))
        }
        return answer(part == size ? .ok : .again, Words(part))
    }

    // MARK: Notifications

    private func signal(_ selector: Selector, _ words: Words) -> Answer {
        guard let object = table[selector.slot] else { return answer(.badCapability) }
        guard object.rights.contains(.write) else { return answer(.noRights) }
        switch object.kind {
        case .notification(let notification):
            notification.raise(Events(bits: object.badge != 0 ? object.badge : words.w0))
        case .consoleDriver: if isOutputTaken { drainConsole() }
        default: return answer(.badCapability)
        }
        return answer(.ok)
    }

    private func poll(_ selector: Selector) -> Answer {
        guard let object = table[selector.slot], case .notification(let notification) = object.kind else {
            return answer(.badCapability)
        }
        guard object.rights.contains(.read) else { return answer(.noRights) }
        return answer(.ok, tag: notification.takeRaised().bits)
    }

    private func timer(_ selector: Selector, _ words: Words) -> Answer {
        guard let object = table[selector.slot], case .notification(let notification) = object.kind else {
            return answer(.badCapability)
        }
        guard object.rights.contains(.manage) else { return answer(.noRights) }
        let isSet = selector.form == TimerForm.set.rawValue
        kernel.setDeadline(isSet ? words.w0 : nil, bits: words.w1, of: notification)
        return answer(.ok)
    }

    /// Binds its thread to one of its own notifications, so that the thread hears of no other one.
    private func bind(_ selector: Selector, _ words: Words) -> Answer {
        guard selector.form == NotificationBind.thread.rawValue else { return answer(.unsupported) }
        guard let object = table[selector.slot], case .notification(let notification) = object.kind,
            words.w0 == UInt64(InitialSlot.thread)
        else { return answer(.badCapability) }
        guard object.rights.contains(.manage), notification.component === self else { return answer(.noRights) }
        heard = notification
        return answer(.ok)
    }

    private func interruptControl(_ selector: Selector) -> Answer {
        guard let object = table[selector.slot], case .interrupt(let interrupt) = object.kind else {
            return answer(.badCapability)
        }
        guard selector.form == InterruptControl.acknowledge.rawValue else { return answer(.unsupported) }
        interrupt.acknowledge()
        return answer(.ok)
    }

    // MARK: Capabilities and contexts

    private func revoke(_ selector: Selector) -> Answer {
        guard selector.form == RevokeForm.delete.rawValue else { return answer(.unsupported) }
        return answer(table.removeValue(forKey: selector.slot) == nil ? .badCapability : .ok)
    }

    private func contextControl(_ selector: Selector, _ words: Words) -> Answer {
        guard selector.slot == InitialSlot.thread else { return answer(.badCapability) }
        guard selector.form == ContextControl.setAbortMask.rawValue else { return answer(.unsupported) }
        setAbortMask(words.w0)
        return answer(.ok)
    }
}
