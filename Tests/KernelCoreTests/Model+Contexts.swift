import ABI

@testable import KernelCore

// Operations on contexts, notifications and scheduling contexts: see Model+Operations.swift.

extension KernelModel {
    // MARK: Contexts

    func predictControl(_ caller: ModelThread, _ request: Request) -> Prediction {
        let node: ModelNode
        let form = ContextControl(rawValue: request.selector.form)
        switch look(caller, request.slot, .thread, form == .setAbortMask ? .write : .manage) {
        case .failed(let status): return .refused(status)
        case .node(let found): node = found
        }
        let thread = node.object as! ModelThread
        let isHere = thread.core == caller.core
        let word = request.words[0]
        switch form {
        case .configure: return predictConfigure(caller, thread, request)
        case .start:
            guard thread.isConfigured, thread.scheduling != nil else { return .refused(.badState) }
            return Prediction(apply: { [self] _, _ in
                if isHere {
                    start(thread)
                } else {
                    thread.asksToStart = true
                    post(thread)
                }
                return nil
            })
        case .startAt:
            guard thread.isStopped, thread.isConfigured, thread.scheduling != nil else { return .refused(.badState) }
            return Prediction(apply: { [self] _, _ in
                if isHere {
                    start(thread)
                } else {
                    thread.asksToStart = true
                    post(thread)
                }
                return nil
            })
        case .stop:
            // Nobody knows the core of a context that was never configured. Such a context is stopped.
            guard thread.isPlaced else { return Prediction(apply: { _, _ in nil }) }
            return Prediction(apply: { [self] _, _ in
                if isHere {
                    stop(thread)
                } else {
                    thread.asksToStart = false
                    thread.asksToStop = true
                    post(thread)
                }
                return nil
            })
        case .status:
            let status: ContextStatus = thread.isStopped ? .stopped : .running
            return Prediction(apply: { $1 == status.rawValue ? nil : "status \($0) is wrong" })
        case .setAffinity: return .refused(.badState)
        case .setAbortMask:
            guard isHere else { return .refused(.wrongCore) }
            return Prediction(apply: { [self] _, _ in
                thread.abortMask = word
                if thread.state == .calling, thread.isAborting { abortCall(thread) }
                return nil
            })
        case .setMessagePage: return predictMessagePage(caller, thread, request)
        case .bindStopped:
            return predictBinding(caller, word, .notification, .write, old: thread.stopped) { [self] source in
                thread.stopped = source.map { add(.part(thread, .stopped), like: $0) }
                thread.stoppedBits = source.map { $0.word != 0 ? $0.word : request.words[1] } ?? 0
            }
        case .abort:
            guard isHere else { return .refused(.wrongCore) }
            guard thread.state == .calling else { return .refused(.badState) }
            return Prediction(apply: { [self] _, _ in
                abortCall(thread); return nil
            })
        case .bindPortal:
            var errors = growthErrors(node)
            if !thread.isConfigured { errors.append(.badState) }
            switch look(caller, word, .portal, .manage) {
            case .failed(let status): return Prediction(errors: errors + [status])
            case .node(let portal):
                return Prediction(
                    errors: errors,
                    apply: { [self] _, _ in
                        lead(portal.object as! ModelPortal, to: node); return nil
                    })
            }
        case nil: return .refused(.unsupported)
        }
    }

    /// Predicts the use of a word that names a capability to bind, or is 0 to bind nothing.
    private func predictBinding(
        _ caller: ModelThread, _ slot: UInt64, _ kind: ObjectKind, _ rights: Rights, old: ModelNode?,
        _ bind: @escaping (ModelNode?) -> Void
    ) -> Prediction {
        var source: ModelNode?
        var errors: [Status] = []
        if slot != 0 {
            switch look(caller, slot, kind, rights) {
            case .failed(let status): errors.append(status)
            case .node(let node):
                source = node
                errors += growthErrors(node)
            }
        }
        return Prediction(
            errors: errors,
            apply: { [self] _, _ in
                erase(old)
                bind(source)
                return nil
            })
    }

    private func predictMessagePage(_ caller: ModelThread, _ thread: ModelThread, _ request: Request) -> Prediction {
        var prediction = predictBinding(caller, request.words[0], .extent, .readWrite, old: thread.messagePage) {
            [self] source in
            thread.messagePage = source.map { add(.part(thread, .messagePage), like: $0) }
            thread.pageOffset = request.words[1]
        }
        if thread.core != caller.core, !thread.isStopped { prediction.errors.append(.wrongCore) }
        if case .node(let extent) = look(caller, request.words[0], .extent, .readWrite),
            request.words[1] % 4096 != 0 || request.words[1] >= extent.word
        {
            prediction.errors.append(.badArgument)
        }
        return prediction
    }

    private func predictConfigure(_ caller: ModelThread, _ thread: ModelThread, _ request: Request) -> Prediction {
        guard thread.isStopped else { return .refused(.badState) }
        let core = request.words[4]
        var errors: [Status] = core < UInt64(coreCount) ? [] : [.badArgument]
        let kinds: [ObjectKind] = [.addressSpace, .capabilityTable, .portal, .schedulingContext]
        var parts: [ModelNode?] = [nil, nil, nil, nil]
        for (index, kind) in kinds.enumerated() where index == 0 || request.words[index] != 0 {
            switch look(caller, request.words[index], kind, .write) {
            case .failed(let status): errors.append(status)
            case .node(let node):
                parts[index] = node
                errors += growthErrors(node)
            }
        }
        if let time = parts[3]?.object as? ModelTime {
            if UInt64(time.core) != core { errors.append(.wrongCore) }
            if threads.contains(where: { $0 !== thread && $0.time === time }) { errors.append(.badState) }
        }
        if let portal = parts[2]?.object as? ModelPortal {
            let server = portal.server?.object as? ModelThread
            if server.map({ UInt64($0.core) != core }) ?? false { errors.append(.wrongCore) }
        }
        if thread.isPlaced, UInt64(thread.core) != core { errors.append(.wrongCore) }
        return Prediction(
            errors: errors,
            apply: { [self] _, _ in
                for old in [thread.space, thread.table, thread.faultPortal, thread.scheduling] { erase(old) }
                thread.space = add(.part(thread, .space), like: parts[0]!)
                thread.table = parts[1].map { add(.part(thread, .table), like: $0) }
                thread.faultPortal = parts[2].map { add(.part(thread, .faultPortal), like: $0) }
                thread.scheduling = parts[3].map { add(.part(thread, .scheduling), like: $0) }
                thread.core = Int(core)
                thread.isPlaced = true
                thread.isConfigured = true
                return nil
            })
    }

    // MARK: Notifications and time

    func predictBind(_ caller: ModelThread, _ request: Request) -> Prediction {
        var errors: [Status] = []
        var source: ModelNode?
        var target: ModelNode?
        switch look(caller, request.slot, .notification, .manage) {
        case .failed(let status): errors.append(status)
        case .node(let node):
            source = node
            errors += growthErrors(node)
        }
        switch look(caller, request.words[0], .thread, .manage) {
        case .failed(let status): errors.append(status)
        case .node(let node):
            target = node
            errors += growthErrors(node)
            if !(node.object as! ModelThread).isConfigured { errors.append(.badState) }
        }
        switch NotificationBind(rawValue: request.selector.form) {
        case nil: errors.append(.unsupported)
        case .virtualInterrupt: errors.append(.badState)
        case .thread: break
        }
        return Prediction(
            errors: errors,
            apply: { [self] _, _ in
                let notification = source!.object as! ModelNotification, thread = target!.object as! ModelThread
                unbindSink(notification)
                if let other = thread.notification { unbindSink(other) }
                notification.sink = add(.sink(notification), like: target!)
                notification.sinkSource = add(.sinkSource(notification), like: source!)
                thread.notification = notification
                guard notification.bits != 0 else { return nil }
                if thread.core == caller.core {
                    deliver(notification, on: caller.core)
                } else {
                    post(notification, to: thread.core)
                }
                return nil
            })
    }

    func wouldTellOfOverruns(_ caller: ModelThread, _ request: Request) -> Bool {
        guard request.operation == Operation.scheduleControl.rawValue,
            case .node(let node) = look(caller, request.slot, .schedulingContext, .manage),
            let time = node.object as? ModelTime
        else { return false }
        switch ScheduleControl(rawValue: request.selector.form) {
        case .configure: return request.words[3] != 0 && time.overrun != nil
        case .bindOverrun: return time.hasBudget
        default: return false
        }
    }

    func predictSchedule(_ caller: ModelThread, _ request: Request) -> Prediction {
        let form = ScheduleControl(rawValue: request.selector.form)
        if form == .yield { return Prediction() }
        let time: ModelTime
        switch look(caller, request.slot, .schedulingContext, .manage) {
        case .failed(let status): return .refused(status)
        case .node(let node): time = node.object as! ModelTime
        }
        switch form {
        case .configure:
            let words = request.words
            var errors: [Status] = []
            if words[0] >= UInt64(coreCount) || words[1] > 31 || words[2] == 0 || words[2] >= 1 << 62
                || words[3] != 0 && (words[3] > words[4] || words[4] >= 1 << 62)
            {
                errors.append(.badArgument)
            }
            if threads.contains(where: { $0.time === time }) { errors.append(.badState) }
            if !mayGive(caller, core: words[0], priority: words[1], slice: words[2]) { errors.append(.noRights) }
            return Prediction(
                errors: time.wasUsed && !errors.isEmpty ? errors + [.badState] : errors,
                possible: time.wasUsed ? [.badState] : [],
                apply: { _, _ in
                    time.core = Int(words[0])
                    time.priority = words[1]
                    time.slice = words[2]
                    time.hasBudget = words[3] != 0
                    return nil
                })
        case .bindOverrun:
            return predictBinding(caller, request.words[0], .notification, .write, old: time.overrun) { [self] source in
                time.overrun = source.map { add(.overrun(time), like: $0) }
            }
        case .timeUsed: return Prediction()
        default: return .refused(.unsupported)
        }
    }
}
