import ABI

@testable import KernelCore

/// The expected behaviour of the kernel: the capability tree, the mappings, the notifications and the chains of calls.
///
/// It predicts the possible answers of an operation (`expect`), and changes itself after the operation. The kernel
/// decides which context runs and how far a revocation has come (`follow`). The reference only knows which nodes may
/// vanish, and which must have vanished when the answer is `ok`.
final class KernelModel {
    let coreCount: Int
    let roots: [ModelNode]
    let rootThread: ModelThread
    var threads: [ModelThread]
    var dying: [ModelTable] = []
    var inboxes: [[ModelObject]]
    var broken: [String] = []

    init(coreCount: Int, roots: [ModelNode], rootThread: ModelThread) {
        self.coreCount = coreCount
        self.roots = roots
        self.rootThread = rootThread
        threads = [rootThread]
        inboxes = Array(repeating: [], count: coreCount)
    }

    // MARK: The tree

    /// Returns errors if the node is too deep, or if an ancestor is being revoked.
    func growthErrors(_ node: ModelNode) -> [Status] {
        var errors: [Status] = node.depth >= 32 ? [.tooDeep] : []
        var link: ModelNode? = node
        while let above = link {
            if case .slot = above.place, above.counterpart.pointee.extra & Revocation.inProgress != 0 {
                errors.append(.badState)
            }
            link = above.parent
        }
        return errors
    }

    @discardableResult
    func add(
        _ place: ModelNode.Place, like source: ModelNode, rights: UInt8? = nil, word: UInt64? = nil, base: UInt64? = nil
    )
        -> ModelNode
    {
        let node = ModelNode(
            place, source.kind, rights: rights ?? source.rights, object: source.object, base: base ?? source.base,
            word: word ?? source.word, under: source)
        put(node)
        return node
    }

    func put(_ node: ModelNode) {
        if case .slot(let table, let number) = node.place { table.slots[number] = node }
    }

    /// Removes a binding without its effects.
    func erase(_ node: ModelNode?) {
        guard let node, !node.isGone else { return }
        node.isGone = true
        node.parent?.children.removeAll { $0 === node }
        if case .slot(let table, let number) = node.place { table.slots[number] = nil }
    }

    // MARK: Removal with a node

    /// Removes a node without descendants, on the core of its object.
    func remove(_ node: ModelNode) {
        if !node.children.isEmpty { broken.append("a \(node.kind) went before its children") }
        switch node.place {
        case .slot:
            if let mapped = node.mapped, mapped.space.isAlive {
                for page in mapped.first..<mapped.first + mapped.count { mapped.space.pages[page] = nil }
            }
            if node.isOwner, let object = node.object { destroy(object) }
        case .part(let thread, let role): unbind(thread, role)
        case .server(let portal): portal.server = nil
        case .sink(let notification), .sinkSource(let notification): unbindSink(notification)
        case .overrun(let time): time.overrun = nil
        }
        erase(node)
    }

    private func unbind(_ thread: ModelThread, _ role: NodeRole) {
        switch role {
        case .table: thread.table = nil
        case .faultPortal: thread.faultPortal = nil
        case .messagePage: thread.messagePage = nil
        case .stopped: thread.stopped = nil
        case .space:
            forceStop(thread)
            thread.isConfigured = false
            thread.space = nil
        case .scheduling:
            forceStop(thread)
            thread.isConfigured = false
            thread.scheduling = nil
        default: break
        }
    }

    func unbindSink(_ notification: ModelNotification) {
        if let thread = notification.sink?.object as? ModelThread, thread.notification === notification {
            thread.notification = nil
        }
        erase(notification.sink)
        erase(notification.sinkSource)
        notification.sink = nil
        notification.sinkSource = nil
    }

    private func destroy(_ object: ModelObject) {
        object.isAlive = false
        switch object {
        case let thread as ModelThread:
            forceStop(thread)
            thread.isConfigured = false
            for caller in thread.callers {
                caller.server = nil
                answer(caller, .dead)
                goOn(caller)
            }
            thread.callers = []
            for part in [
                thread.space, thread.table, thread.faultPortal, thread.scheduling, thread.messagePage, thread.stopped,
            ] {
                erase(part)
            }
            threads.removeAll { $0 === thread }
        case let table as ModelTable: dying.append(table)
        case let portal as ModelPortal:
            erase(portal.server)
            portal.server = nil
        case let time as ModelTime:
            erase(time.overrun)
            time.overrun = nil
        case let notification as ModelNotification: unbindSink(notification)
        default: break
        }
    }

    // MARK: Revocation, as far as the kernel has come

    /// Takes over the kernel's removals, and reports those that are wrong.
    ///
    /// - Parameters:
    ///   - revoked: the node that the operation revokes. Its slot no longer shows that after the operation.
    ///   - deletes: true if that node itself may disappear, too.
    func follow(revoked: ModelNode? = nil, deletes: Bool = false) {
        var gone: [(node: ModelNode, isDoomed: Bool)]
        var wasChanged: Bool
        // A removed object takes its contents along, which may have had descendants elsewhere.
        repeat {
            gone = []
            wasChanged = false
            for root in roots { collectGone(root, isDoomed: false, revoked, deletes, &gone) }
            // Nodes without descendants come last.
            for (node, isDoomed) in gone.reversed() where isDoomed && !node.isGone && node.children.isEmpty {
                remove(node)
                wasChanged = true
            }
        } while wasChanged
        for (node, _) in gone { broken.append("a \(node.kind) vanished, though nobody took it back") }
        dying.removeAll { $0.slots.allSatisfy { $0 == nil } }
    }

    private func collectGone(
        _ node: ModelNode, isDoomed: Bool, _ revoked: ModelNode?, _ deletes: Bool,
        _ gone: inout [(node: ModelNode, isDoomed: Bool)]
    ) {
        let counterpart = node.counterpart
        var isHere = isDoomed || deletes && node === revoked
        var isBelow = isDoomed || node === revoked
        if case .slot(let table, _) = node.place {
            let extra = counterpart.pointee.extra
            // The slot of a node that is being deleted shows that, and keeps it when another core empties it. A mapping
            // of a destroyed space counts as none.
            isHere = isHere || !table.isAlive || extra & Revocation.deleting != 0
            isHere = isHere || node.mapped.map { !$0.space.isAlive } ?? false
            isBelow = isBelow || isHere || extra & Revocation.inProgress != 0
        }
        if counterpart.pointee.isEmpty {
            gone.append((node, isHere))
        } else if isHere, node.mapped != nil {
            shorten(node, MappingPlace(word: counterpart.pointee.word))
        }
        for child in node.children { collectGone(child, isDoomed: isBelow, revoked, deletes, &gone) }
    }

    private func shorten(_ node: ModelNode, _ place: MappingPlace) {
        guard var mapped = node.mapped, mapped.space.isAlive else { return }
        while mapped.count > 0, mapped.first < place.address.value >> Page.shift {
            mapped.space.pages[mapped.first] = nil
            mapped.first += 1
            mapped.count -= 1
        }
        node.mapped = mapped
    }

    // MARK: Chains of calls

    func answer(_ thread: ModelThread, _ status: Status) {
        if let expected = thread.expected { thread.expected = (status.rawValue, expected.tag) }
    }

    func endCall(_ caller: ModelThread) {
        guard let server = caller.server else { return }
        caller.server = nil
        if server.caller === caller {
            server.caller = nil
            // An orphan uses no time of its own without a limit.
            if server.time?.hasBudget == true { server.usesOwnTime = true }
        } else {
            server.callers.removeAll { $0 === caller }
        }
    }

    func goOn(_ thread: ModelThread) {
        if thread.stopsOnReply { finishStop(thread) } else { thread.state = .ready }
    }

    func abortCall(_ thread: ModelThread) {
        endCall(thread)
        answer(thread, .aborted)
        goOn(thread)
    }

    func finishStop(_ thread: ModelThread) {
        thread.stopsOnReply = false
        thread.state = .stopped
        thread.usesOwnTime = false
        thread.depth = 0
        if let told = thread.stopped?.object as? ModelNotification {
            told.bits |= thread.stoppedBits
            post(told, to: thread.core)
        }
        // A caller that waits for its reply gets an error.
        guard let caller = thread.caller else { return }
        thread.caller = nil
        thread.depth = 0
        caller.server = nil
        if caller.stopsOnReply {
            finishStop(caller)
        } else {
            answer(caller, .dead)
            caller.state = .ready
        }
    }

    func forceStop(_ thread: ModelThread) {
        thread.asksToStart = false
        thread.asksToStop = false
        guard thread.state == .calling else { return stop(thread) }
        endCall(thread)
        answer(thread, .dead)
        finishStop(thread)
    }

    func stop(_ thread: ModelThread) {
        switch thread.state {
        case .stopped: return
        case .calling:
            if thread.server?.caller === thread {
                thread.stopsOnReply = true
                return
            }
            endCall(thread)
            answer(thread, .dead)
        default: break
        }
        finishStop(thread)
    }

    func start(_ thread: ModelThread) {
        if thread.state == .calling { thread.stopsOnReply = false }
        guard thread.state == .stopped, thread.isConfigured, thread.scheduling != nil else { return }
        thread.state = .ready
        thread.usesOwnTime = true
        thread.time?.wasUsed = true
        thread.expected = nil
    }

    // MARK: Notifications and inboxes

    func post(_ thread: ModelThread) {
        guard !thread.isPosted else { return }
        thread.isPosted = true
        inboxes[thread.core].append(thread)
    }

    func post(_ notification: ModelNotification, to core: Int) {
        guard !notification.isPosted else { return }
        notification.isPosted = true
        inboxes[core].append(notification)
    }

    func raise(_ notification: ModelNotification, _ bits: UInt64, on core: Int) {
        let before = notification.bits
        notification.bits |= bits
        guard let thread = notification.sink?.object as? ModelThread else { return }
        if thread.core == core {
            deliver(notification, on: core)
        } else if bits & ~before != 0 {
            post(notification, to: thread.core)
        }
    }

    func deliver(_ notification: ModelNotification, on core: Int) {
        guard let thread = notification.sink?.object as? ModelThread else { return }
        guard thread.core == core else { return post(notification, to: thread.core) }
        if thread.state == .calling, thread.isAborting { abortCall(thread) }
        guard thread.state != .stopped, thread.scheduling != nil, notification.bits != 0 else { return }
        // Bits for a thread that serves give it its own time.
        if !thread.usesOwnTime, thread.state == .waiting {
            thread.expected = (Status.notified.rawValue, notification.bits)
            notification.bits = 0
            thread.state = .ready
        }
        thread.usesOwnTime = true
    }

    /// Lets a core work off its inbox: the last item comes first.
    func drain(_ core: Int) {
        let items = inboxes[core].reversed()
        inboxes[core] = []
        for item in items {
            if let notification = item as? ModelNotification {
                notification.isPosted = false
                if notification.isAlive { deliver(notification, on: core) }
            } else if let thread = item as? ModelThread {
                thread.isPosted = false
                guard thread.isAlive else { continue }
                guard thread.core == core else {
                    post(thread)
                    continue
                }
                let stops = thread.asksToStop, starts = thread.asksToStart
                thread.asksToStop = false
                thread.asksToStart = false
                if stops { stop(thread) }
                if starts { start(thread) }
            }
        }
    }
}
