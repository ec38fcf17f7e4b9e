import ABI

@testable import KernelCore

/// The possible answers of an operation, and its changes if it succeeds.
struct Prediction {
    /// The errors. If there are any, the answer is one of them, and nothing changes.
    var errors: [Status] = []
    /// Further answers that are possible, after which nothing changes.
    var possible: [Status] = []
    /// The changes that happen even if the operation is refused.
    var refuse: () -> Void = {}
    /// Applies the changes. `done` is the kernel's `x2`. Returns the fault of the answer, or nil.
    var apply: (Status, UInt64) -> String? = { _, _ in nil }

    static func refused(_ errors: Status...) -> Prediction { Prediction(errors: errors) }
}

/// An operation in registers.
struct Request {
    var operation: UInt64
    var selector: Selector
    var words: [UInt64]
    var slot: UInt64 { UInt64(selector.slot) }
}

extension KernelModel {
    /// Predicts operations that answer at once: all but `call` and `replyWait`.
    func predict(_ caller: ModelThread, _ request: Request) -> Prediction {
        switch Operation(rawValue: request.operation) {
        case .signal: predictSignal(caller, request)
        case .poll: predictPoll(caller, request)
        case .copy: predictCopy(caller, request)
        case .create: predictCreate(caller, request)
        case .derive: predictDerive(caller, request)
        case .revoke: predictRevoke(caller, request)
        case .map: predictMap(caller, request)
        case .contextControl: predictControl(caller, request)
        case .notificationBind: predictBind(caller, request)
        case .scheduleControl: predictSchedule(caller, request)
        default: .refused(.unsupported)
        }
    }

    // MARK: Looking up

    enum Lookup {
        case node(ModelNode)
        case failed(Status)
    }

    func look(_ caller: ModelThread, _ slot: UInt64, _ kind: ObjectKind, _ rights: Rights) -> Lookup {
        guard let table = caller.slots, slot > 0, slot < UInt64(table.slots.count), let node = table.slots[Int(slot)],
            node.kind == kind
        else { return .failed(.badCapability) }
        return node.has(rights) ? .node(node) : .failed(.noRights)
    }

    /// Returns the reason for which a slot is not free, or nil.
    private func free(_ table: ModelTable?, _ slot: UInt64) -> Status? {
        guard let table, slot > 0, slot < UInt64(table.slots.count) else { return .badCapability }
        return table.slots[Int(slot)] == nil ? nil : .occupied
    }

    // MARK: Signals

    private func predictSignal(_ caller: ModelThread, _ request: Request) -> Prediction {
        switch look(caller, request.slot, .notification, .write) {
        case .failed(let status): return .refused(status)
        case .node(let node):
            return Prediction(apply: { [self] _, _ in
                raise(node.object as! ModelNotification, node.word != 0 ? node.word : request.words[0], on: caller.core)
                return nil
            })
        }
    }

    private func predictPoll(_ caller: ModelThread, _ request: Request) -> Prediction {
        switch look(caller, request.slot, .notification, .read) {
        case .failed(let status): return .refused(status)
        case .node(let node):
            let notification = node.object as! ModelNotification
            return Prediction(apply: { _, _ in
                caller.expected = (Status.ok.rawValue, notification.bits)
                notification.bits = 0
                return nil
            })
        }
    }

    // MARK: Copies

    private func predictCopy(_ server: ModelThread, _ request: Request) -> Prediction {
        guard let form = CopyForm(rawValue: request.selector.form) else { return .refused(.unsupported) }
        guard let caller = server.caller, caller.shape.hasLease, let lease = caller.lease else {
            return .refused(.badState)
        }
        let (offset, address, size) = (request.words[0], request.words[1], request.words[2])
        guard lease.rights.contains(form == .read ? .read : .write) else { return .refused(.noRights) }
        let limit = AddressSpace.addressLimit
        guard offset <= lease.size, size <= lease.size - offset, address < limit, size <= limit - address else {
            return .refused(.badArgument)
        }
        var done: UInt64 = 0
        let (ownRight, theirRight): (Rights, Rights) = form == .read ? (.write, .read) : (.read, .write)
        while done < min(size, 4096) {
            guard mayAccess(server, address + done, ownRight),
                mayAccess(caller, lease.address.value + offset + done, theirRight)
            else { break }
            let own = 4096 - (address + done) % 4096, theirs = 4096 - (lease.address.value + offset + done) % 4096
            done += min(min(size, 4096) - done, min(own, theirs))
        }
        let isComplete = done == min(size, 4096)
        return Prediction(
            errors: isComplete ? [] : [.badAddress],
            apply: { [self] status, count in
                guard count == done else { return "\(count) bytes were copied, not \(done)" }
                guard isCopied(server, address, caller, lease.address.value + offset, done) else {
                    return "other bytes came"
                }
                return status == (done < size ? .again : .ok) ? nil : "copied \(done) of \(size) and answered \(status)"
            })
    }

    /// Checks that both sides hold the same bytes, unless they share a frame.
    private func isCopied(
        _ one: ModelThread, _ start: UInt64, _ other: ModelThread, _ otherStart: UInt64, _ size: UInt64
    ) -> Bool {
        func frame(_ thread: ModelThread, _ address: UInt64) -> UInt64 {
            (thread.space?.object as? ModelSpace)?.pages[address >> Page.shift]?.frame ?? 0
        }
        var done: UInt64 = 0
        while done < size {
            let (left, right) = (start + done, otherStart + done)
            let step = min(size - done, min(4096 - left % 4096, 4096 - right % 4096))
            let (first, second) = (frame(one, left), frame(other, right))
            if first != second {
                let bytes = { (frame: UInt64, address: UInt64) in
                    UnsafeBufferPointer(
                        start: UnsafePointer<UInt8>(bitPattern: UInt(frame + address % 4096)), count: Int(step))
                }
                guard bytes(first, left).elementsEqual(bytes(second, right)) else { return false }
            }
            done += step
        }
        return true
    }

    private func mayAccess(_ thread: ModelThread, _ address: UInt64, _ right: Rights) -> Bool {
        guard let page = (thread.space?.object as? ModelSpace)?.pages[address >> Page.shift] else { return false }
        return page.rights & right.rawValue != 0
    }

    // MARK: Create and derive

    private func predictCreate(_ caller: ModelThread, _ request: Request) -> Prediction {
        let node: ModelNode
        switch look(caller, request.slot, .region, .manage) {
        case .failed(let status): return .refused(status)
        case .node(let found): node = found
        }
        let region = node.object as! ModelRegion
        let (parameter, slot, alignment) = (request.words[0], request.words[1], request.words[2])
        guard request.selector.form < 256, let kind = ObjectKind(rawValue: UInt8(request.selector.form)) else {
            return .refused(.badArgument)
        }
        var errors = growthErrors(node)
        if let status = free(caller.slots, slot) { errors.append(status) }
        guard let (size, align) = shape(kind, parameter, alignment) else {
            return Prediction(errors: errors + [.badArgument])
        }
        let address = (region.next + align - 1) & ~(align - 1)
        if address + size > region.end { errors.append(.noMemory) }
        var server: ModelNode?
        if kind == .portal, parameter != 0 {
            switch look(caller, parameter, .thread, .manage) {
            case .failed(let status): errors.append(status)
            case .node(let found):
                server = found
                errors += growthErrors(found)
                if !(found.object as! ModelThread).isConfigured { errors.append(.badState) }
            }
        }
        if kind == .schedulingContext {
            if parameter & 0xFF >= UInt64(coreCount) || parameter >> 8 >= 32 { errors.append(.badArgument) }
            if !mayGive(caller, core: parameter & 0xFF, priority: parameter >> 8) { errors.append(.noRights) }
        }
        var possible: [Status] = size > 16 << 10 ? [.again] : []
        if kind == .addressSpace { possible.append(.noMemory) }
        return Prediction(
            errors: errors, possible: possible,
            apply: { [self] _, taken in
                let before = region.next
                region.next = address + size
                make(kind, at: address, size, parameter, used: region.used, server, under: node, caller, Int(slot))
                if kind == .extent, address < region.used, !isZero(address, min(size, region.used - address)) {
                    return "memory came back with what was in it"
                }
                return taken == region.next - before ? nil : "create took \(taken), not \(region.next - before)"
            })
    }

    /// Returns true if the caller may give this time: no more urgent than its own, in slices no longer, on the same
    /// core, and not if it has a budget. Root may give any time.
    func mayGive(_ caller: ModelThread, core: UInt64, priority: UInt64, slice: UInt64 = 0) -> Bool {
        guard let own = caller.time else { return false }
        return own.isAllTime
            || core == UInt64(own.core) && priority <= own.priority && slice <= own.slice && !own.hasBudget
    }

    private func isZero(_ address: UInt64, _ size: UInt64) -> Bool {
        let words = UnsafeBufferPointer(start: UnsafePointer<UInt64>(bitPattern: UInt(address)), count: Int(size / 8))
        return words.allSatisfy { $0 == 0 }
    }

    private func shape(_ kind: ObjectKind, _ parameter: UInt64, _ alignment: UInt64) -> (UInt64, UInt64)? {
        let isPages = parameter > 0 && parameter % 4096 == 0 && parameter < 1 << 48
        switch kind {
        case .capabilityTable: return (1...8192).contains(parameter) ? (64 + parameter * 64, 64) : nil
        case .addressSpace:
            let pages = parameter & ~(1 << 32), doorbells: UInt64 = pages == parameter ? 0 : 3
            return (1...4096).contains(pages) ? ((pages + 2 + doorbells) * 4096, 4096) : nil
        case .thread: return (2048, 64)
        case .virtualCPU: return (4096, 64)
        case .portal: return (128, 64)
        case .schedulingContext, .notification: return (256, 64)
        case .extent:
            let isPower = alignment >= 4096 && alignment.nonzeroBitCount == 1 && alignment <= 1 << 30
            return isPages && isPower ? (parameter, alignment) : nil
        case .region: return isPages ? (parameter, 4096) : nil
        case .none, .interrupt, .system, .mapping: return nil
        }
    }

    private func make(
        _ kind: ObjectKind, at address: UInt64, _ size: UInt64, _ parameter: UInt64, used: UInt64, _ server: ModelNode?,
        under region: ModelNode, _ maker: ModelThread, _ slot: Int
    ) {
        let object: ModelObject
        let table = maker.slots!, giver = maker.time
        switch kind {
        case .region:
            object = ModelRegion(at: address, start: address + 64, end: address + size, used: min(used, address + size))
        case .capabilityTable: object = ModelTable(at: address, count: Int(parameter))
        case .addressSpace: object = ModelSpace(at: address)
        case .thread:
            let thread = ModelThread(at: address)
            threads.append(thread)
            object = thread
        case .portal: object = ModelPortal(at: address)
        case .schedulingContext:
            let time = ModelTime(at: address)
            time.core = Int(parameter & 0xFF)
            time.priority = parameter >> 8
            if let giver, !giver.isAllTime { time.slice = min(time.slice, giver.slice) }
            object = time
        case .notification: object = ModelNotification(at: address)
        default: object = ModelObject(kind, at: address)
        }
        put(
            ModelNode(
                .slot(table, slot), kind, rights: 15, object: object, base: address, word: kind == .extent ? size : 0,
                isOwner: true, under: region))
        if let portal = object as? ModelPortal, let server { lead(portal, to: server) }
    }

    func lead(_ portal: ModelPortal, to thread: ModelNode) {
        erase(portal.server)
        portal.server = add(.server(portal), like: thread)
        portal.generation += 1
    }

    /// Returns the properties of a child of `source`, or the reason for which there can be none.
    func derived(_ source: ModelNode, _ rights: UInt64, _ second: UInt64, _ size: UInt64)
        -> (errors: [Status], rights: UInt8, base: UInt64, word: UInt64)
    {
        var errors = growthErrors(source)
        var (base, word) = (source.base, source.word)
        if source.kind == .mapping || !source.has(.manage) { errors.append(.noRights) }
        if source.kind == .extent {
            let rest = second <= word ? word - second : 0
            let length = size == 0 ? rest : size
            if second % 4096 != 0 || length % 4096 != 0 || length == 0 || length > rest {
                errors.append(.badArgument)
            } else {
                base += second
                word = length
            }
        } else if second != 0 {
            if word != 0 { errors.append(.noRights) }
            word = second
        }
        return (errors, source.rights & UInt8(rights & 15), base, word)
    }

    private func predictDerive(_ caller: ModelThread, _ request: Request) -> Prediction {
        guard let table = caller.slots, request.slot > 0, request.slot < UInt64(table.slots.count),
            let source = table.slots[Int(request.slot)]
        else { return .refused(.badCapability) }
        let child = derived(source, request.words[2], request.words[3], request.words[4])
        var errors = child.errors
        var target: ModelTable?
        switch look(caller, request.words[0], .capabilityTable, .write) {
        case .failed(let status): errors.append(status)
        case .node(let node):
            target = node.object as? ModelTable
            if let status = free(target, request.words[1]) { errors.append(status) }
        }
        return Prediction(
            errors: errors,
            apply: { [self] _, _ in
                add(
                    .slot(target!, Int(request.words[1])), like: source, rights: child.rights, word: child.word,
                    base: child.base)
                return nil
            })
    }

    // MARK: Revoke

    private func predictRevoke(_ caller: ModelThread, _ request: Request) -> Prediction {
        guard let form = RevokeForm(rawValue: request.selector.form) else { return .refused(.unsupported) }
        guard let table = caller.slots, request.slot > 0, request.slot < UInt64(table.slots.count) else {
            return .refused(.badCapability)
        }
        guard let node = table.slots[Int(request.slot)] else {
            return form == .delete
                ? Prediction(
                    possible: [.badCapability, .again],
                    apply: { [self] _, _ in
                        follow(); return nil
                    })
                : .refused(.badCapability)
        }
        let region = (node.isOwner || node.parent == nil) ? node.object as? ModelRegion : nil
        return Prediction(apply: { [self] status, _ in
            follow(revoked: node, deletes: form == .delete)
            // A caller that revokes its own ground gets no answer that it could read.
            guard status == .ok, caller.isAlive, caller.isConfigured, caller.slots != nil else { return nil }
            if !node.children.isEmpty { return "revoking says ok and something is left" }
            if form == .delete, !node.isGone { return "deleting says ok and it is still there" }
            if let region, region.isAlive {
                region.used = max(region.used, region.next)
                region.next = region.start
            }
            return nil
        })
    }

    // MARK: Map

    private func predictMap(_ caller: ModelThread, _ request: Request) -> Prediction {
        guard request.selector.form == 0 else { return .refused(.unsupported) }
        let (address, offset, size) = (request.words[1], request.words[2], request.words[3])
        let rights = UInt8(request.words[4] & 7)
        var errors: [Status] = []
        var space: ModelSpace?
        var extent: ModelNode?
        switch look(caller, request.slot, .addressSpace, .write) {
        case .failed(let status): errors.append(status)
        case .node(let node): space = node.object as? ModelSpace
        }
        let limit = AddressSpace.addressLimit
        if (address | offset | size) % 4096 != 0 || size == 0 || size > limit || address > limit - min(size, limit) {
            errors.append(.badArgument)
        }
        switch look(caller, request.words[0], .extent, Rights(rawValue: rights)) {
        case .failed(let status): errors.append(status)
        case .node(let node):
            extent = node
            errors += growthErrors(node)
            if offset > node.word || size > node.word - min(offset, node.word) { errors.append(.badArgument) }
        }
        var mapping: ModelNode?
        if let table = caller.slots, request.words[5] > 0, request.words[5] < UInt64(table.slots.count) {
            mapping = table.slots[Int(request.words[5])]
        } else {
            errors.append(.badCapability)
        }
        // A mapping of a destroyed space counts as none.
        let isStale = mapping?.mapped.map { !$0.space.isAlive } ?? false
        if let found = mapping, !isStale {
            let goesOn =
                found.mapped.map { $0.space === space && ($0.first + $0.count) << Page.shift == address } ?? false
            if !goesOn || found.parent !== extent { errors.append(.occupied) }
        }
        let refuse: () -> Void = { [self] in if isStale { follow() } }
        guard errors.isEmpty, let space, let extent else { return Prediction(errors: errors, refuse: refuse) }
        var count: UInt64 = 0
        while count < min(size >> Page.shift, 16), space.pages[address >> Page.shift + count] == nil { count += 1 }
        if count == 0 { return Prediction(errors: [.occupied, .noMemory], refuse: refuse) }
        let kernelSpace = Ref<AddressSpace>(at: PhysicalAddress(space.address))
        return Prediction(
            possible: [.noMemory], refuse: refuse,
            apply: { [self] status, done in
                if isStale { erase(mapping) }
                let isFull = kernelSpace.pointee.poolNext == kernelSpace.pointee.poolEnd
                if done >> Page.shift != count, !isFull || done >> Page.shift > count {
                    return "\(done) bytes were mapped"
                }
                if status != (done < size ? .again : .ok) { return "mapped \(done) of \(size) and answered \(status)" }
                for page in 0..<done >> Page.shift {
                    space.pages[address >> Page.shift + page] = (extent.base + offset + page << Page.shift, rights)
                }
                if let mapping, !isStale {
                    mapping.mapped!.count += done >> Page.shift
                } else {
                    let node = ModelNode(
                        .slot(caller.slots!, Int(request.words[5])), .mapping, rights: rights, object: nil,
                        base: MappedRange.space(kernelSpace).value, under: extent)
                    node.mapped = (space, address >> Page.shift, done >> Page.shift)
                    put(node)
                }
                return nil
            })
    }
}
