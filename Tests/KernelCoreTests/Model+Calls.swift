import ABI

@testable import KernelCore

// Calls and replies, whose answers come later and go to others.

extension KernelModel {
    static var maximumDepth: Int { 8 }

    /// Returns the reasons for which a call fails.
    func callErrors(_ caller: ModelThread, _ request: Request) -> [Status] {
        let portal: ModelPortal
        switch look(caller, request.slot, .portal, .write) {
        case .failed(let status): return [status]
        case .node(let node): portal = node.object as! ModelPortal
        }
        guard let server = portal.server?.object as? ModelThread else { return [.dead] }
        var errors: [Status] = []
        if server.core != caller.core { errors.append(.wrongCore) }
        if caller.depth >= Self.maximumDepth || wouldLoop(caller, server) { errors.append(.tooDeep) }
        errors += shapeErrors(caller, MessageShape(bits: request.selector.form))
        if caller.isAborting { errors.append(.aborted) }
        return errors
    }

    /// Returns true if the server waits, directly or not, for the caller, or if a bounded number of steps cannot decide
    /// that.
    private func wouldLoop(_ caller: ModelThread, _ server: ModelThread) -> Bool {
        guard server.state != .waiting else { return false }
        var link: ModelThread? = server
        var steps = 0
        while let thread = link, steps < Self.maximumDepth {
            if thread === caller { return true }
            link = thread.state == .calling ? thread.server : nil
            steps += 1
        }
        return link != nil
    }

    private func shapeErrors(_ caller: ModelThread, _ shape: MessageShape) -> [Status] {
        guard shape.bits != 0 else { return [] }
        guard shape.isValid else { return [.badArgument] }
        guard caller.page != 0 else { return [.badState] }
        let page = UnsafePointer<UInt64>(bitPattern: UInt(caller.page))!
        for index in 0..<Int(shape.capabilities) {
            let slot = page[64 + 2 * index] & 0xFFFF_FFFF
            guard let table = caller.slots, slot > 0, slot < UInt64(table.slots.count),
                let node = table.slots[Int(slot)]
            else {
                return [.badCapability]
            }
            guard node.has(.manage) else { return [.noRights] }
        }
        guard shape.hasLease else { return [] }
        let (address, size) = (page[72], page[73])
        let limit = AddressSpace.addressLimit
        return address < limit && size <= limit - address ? [] : [.badArgument]
    }

    /// Performs a call without errors.
    func call(_ caller: ModelThread, _ request: Request) {
        guard case .node(let node) = look(caller, request.slot, .portal, .write),
            let portal = node.object as? ModelPortal,
            let server = portal.server?.object as? ModelThread
        else { return }
        caller.shape = MessageShape(bits: request.selector.form)
        if caller.shape.hasLease {
            let page = UnsafePointer<UInt64>(bitPattern: UInt(caller.page))!
            caller.lease = Lease(
                address: GuestAddress(page[72]), size: page[73],
                rights: Rights(rawValue: UInt8(page[74] & 3)))
        }
        caller.state = .calling
        caller.server = server
        caller.badge = node.word
        caller.expected = (Status.ok.rawValue, portal.generation)
        if server.state == .waiting { transfer(caller, server) } else { server.callers.append(caller) }
    }

    private func transfer(_ caller: ModelThread, _ server: ModelThread) {
        server.state = .ready
        server.caller = caller
        server.depth = caller.depth + 1
        server.wasNotified = false
        server.expected = (Status.ok.rawValue | transferMore(caller, server, caller.shape), caller.badge)
    }

    /// Transfers the parts beyond six words, and returns the bits of the receiver's `x0` for them.
    private func transferMore(_ sender: ModelThread, _ receiver: ModelThread, _ shape: MessageShape) -> UInt64 {
        var arrival = shape.hasLease ? ArrivalBits.lease : 0
        guard sender.page != 0, receiver.page != 0 else { return arrival }
        if shape.length > 6 { arrival |= UInt64(shape.length) << ArrivalBits.lengthShift }
        var landed = 0
        while landed < Int(shape.capabilities), land(sender, receiver, landed) { landed += 1 }
        return arrival | UInt64(landed) << ArrivalBits.capabilitiesShift
    }

    private func land(_ sender: ModelThread, _ receiver: ModelThread, _ index: Int) -> Bool {
        let from = UnsafePointer<UInt64>(bitPattern: UInt(sender.page))!
        let to = UnsafePointer<UInt64>(bitPattern: UInt(receiver.page))!
        let slot = to[68] >> UInt64(32 * index) & 0xFFFF_FFFF
        guard let table = receiver.slots, slot > 0, slot < UInt64(table.slots.count), table.slots[Int(slot)] == nil
        else {
            return false
        }
        let record = from[64 + 2 * index]
        let number = record & 0xFFFF_FFFF
        guard let own = sender.slots, number > 0, number < UInt64(own.slots.count), let source = own.slots[Int(number)]
        else {
            return false
        }
        let child = derived(source, record >> 32, from[65 + 2 * index], 0)
        guard child.errors.isEmpty else { return false }
        add(.slot(table, Int(slot)), like: source, rights: child.rights, word: child.word, base: child.base)
        return true
    }

    /// Performs the whole of `replyWait`.
    func replyWait(_ server: ModelThread, _ request: Request) {
        let form = request.selector.form
        guard form & ~ReplyForm.known == 0 else { return server.expected = (Status.unsupported.rawValue, nil) }
        if form & ReplyForm.reply != 0 {
            guard let caller = server.caller else {
                guard form & ReplyForm.wait != 0 else { return server.expected = (Status.badState.rawValue, nil) }
                server.expected = (Status.ok.rawValue, nil)
                return wait(server)
            }
            let shape = MessageShape(bits: request.selector.slot)
            guard shape.isValid, !shape.hasLease, form & ReplyForm.leaveStopped == 0 else {
                return server.expected = (Status.badArgument.rawValue, nil)
            }
            reply(server, caller, form, shape)
            server.expected = (Status.ok.rawValue, nil)
            if form & ReplyForm.wait != 0 { wait(server) } else { server.usesOwnTime = true }
            return
        }
        server.expected = (Status.ok.rawValue, nil)
        guard form & ReplyForm.wait != 0 else { return }
        guard server.caller == nil else { return server.expected = (Status.badState.rawValue, nil) }
        wait(server)
    }

    private func reply(_ server: ModelThread, _ caller: ModelThread, _ form: UInt32, _ shape: MessageShape) {
        answer(caller, form & ReplyForm.refuse != 0 ? .refused : .ok)
        server.caller = nil
        server.depth = 0
        caller.server = nil
        if shape.bits != 0 { caller.expected?.status |= transferMore(server, caller, shape) }
        if caller.stopsOnReply {
            finishStop(caller)
        } else {
            caller.state = .ready
        }
    }

    private func wait(_ server: ModelThread) {
        server.depth = 0
        let bits = server.scheduling != nil ? server.notification?.bits ?? 0 : 0
        if let notification = server.notification, bits != 0, !server.wasNotified || server.callers.isEmpty {
            server.wasNotified = true
            server.expected = (Status.notified.rawValue, notification.bits)
            notification.bits = 0
            server.usesOwnTime = true
            return
        }
        server.state = .waiting
        server.usesOwnTime = false
        guard !server.callers.isEmpty else { return }
        transfer(server.callers.removeFirst(), server)
        server.usesOwnTime = bits != 0
    }
}
