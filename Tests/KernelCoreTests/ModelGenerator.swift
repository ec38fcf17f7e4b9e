import ABI

@testable import KernelCore

/// Chooses the next step: mostly one that makes sense in the reference's state, and sometimes any.
struct ModelGenerator {
    var random: SeededGenerator
    /// The requests that root will make next.
    private var plan: [Request] = []

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func next(_ model: KernelModel, current: [ModelThread?]) -> ModelStep {
        let core = random.below(ModelSlots.cores)
        switch random.below(100) {
        case 0..<6: return .interrupts(core)
        case 6..<10: return .advance(UInt64(random.below(1500)))
        case 10..<13: return raise(core, 1 << UInt64(random.below(4)))
        case 13..<19: return write()
        default: break
        }
        guard let thread = current[core] else {
            // No context runs, so an event must come from outside.
            switch random.below(10) {
            case 0..<2: return .interrupts(core)
            case 2: return .raise(0, ModelSlots.rootNotification, 1)
            case 3..<5: return .advance(UInt64(random.below(3000)))
            default: return raise(core, 1)
            }
        }
        let isRoot = thread === model.rootThread
        return .operate(core, isRoot ? root(model) : tenant(model, thread), byRoot: isRoot)
    }

    private mutating func raise(_ core: Int, _ bits: UInt64) -> ModelStep {
        .raise(core, ModelSlots.base(random.below(ModelSlots.tenants)) + ModelSlots.notification, bits)
    }

    // MARK: Root

    private mutating func root(_ model: KernelModel) -> Request {
        if !plan.isEmpty { return plan.removeFirst() }
        let slots = model.rootThread.slots!.slots
        if let asleep = (0..<ModelSlots.tenants).first(where: { isAsleep($0, slots) }), random.chance(70) {
            return request(
                .contextControl, ModelSlots.base(asleep) + ModelSlots.thread, form: ContextControl.start.rawValue)
        }
        if random.chance(4) { plan = ModelTenantPlan.refill(random.below(ModelSlots.tenants)) }
        if let dead = (0..<ModelSlots.tenants).first(where: { isBroken($0, slots) }) { return rebuild(dead, slots) }
        guard random.chance(40) else { return wait }
        return operation(model, model.rootThread)
    }

    private var wait: Request { request(.replyWait, 0, form: ReplyForm.wait) }

    private func isBroken(_ tenant: Int, _ slots: [ModelNode?]) -> Bool {
        let base = Int(ModelSlots.base(tenant))
        guard let thread = slots[base + Int(ModelSlots.thread)]?.object as? ModelThread,
            slots[base + Int(ModelSlots.page)] != nil, slots[base + Int(ModelSlots.portal)] != nil
        else { return true }
        return !thread.isConfigured || thread.table == nil
    }

    private func isAsleep(_ tenant: Int, _ slots: [ModelNode?]) -> Bool {
        guard let thread = slots[Int(ModelSlots.base(tenant) + ModelSlots.thread)]?.object as? ModelThread else {
            return false
        }
        return thread.isConfigured && thread.state == .stopped && !thread.asksToStart
    }

    /// Removes the rest of a tenant, and then makes the tenant anew. A revocation takes several calls, which the plan
    /// ignores.
    private mutating func rebuild(_ tenant: Int, _ slots: [ModelNode?]) -> Request {
        let base = ModelSlots.base(tenant)
        guard let region = slots[Int(base)]?.object as? ModelRegion else {
            // Parts made of another region prevent that.
            if let part = (1..<20).first(where: { slots[Int(base) + $0] != nil }) {
                return request(.revoke, base + UInt32(part), form: RevokeForm.delete.rawValue)
            }
            plan = ModelTenantPlan.steps(tenant, hasRegion: false)
            return plan.removeFirst()
        }
        let top = slots[Int(RootSlot.firstRegion)]!.object as! ModelRegion
        if top.end - top.next < 1 << 20 { return request(.revoke, RootSlot.firstRegion) }
        if region.next != region.start { return request(.revoke, base, form: random.chance(90) ? 0 : 1) }
        if let part = (1..<20).first(where: { slots[Int(base) + $0] != nil }) {
            return request(.revoke, base + UInt32(part), form: RevokeForm.delete.rawValue)
        }
        plan = ModelTenantPlan.steps(tenant, hasRegion: true)
        return plan.removeFirst()
    }

    // MARK: Anybody

    private func request(_ operation: Operation, _ slot: UInt32, form: UInt32 = 0, _ words: UInt64...) -> Request {
        Request(
            operation: operation.rawValue, selector: Selector(slot: slot, form: form),
            words: words + Array(repeating: 0, count: 6 - words.count))
    }

    private mutating func tenant(_ model: KernelModel, _ thread: ModelThread) -> Request {
        if let caller = thread.caller {
            switch random.below(100) {
            case 0..<25: return replyWait(thread)
            case 25..<45 where caller.shape.hasLease: return copy(caller)
            case 45..<60: return call(thread)
            default: return operation(model, thread)
            }
        }
        switch random.below(100) {
        case 0..<30: return call(thread)
        case 30..<40: return replyWait(thread)
        case 40: return copy(thread)
        default: return operation(model, thread)
        }
    }

    private mutating func call(_ thread: ModelThread) -> Request {
        let shape =
            random.chance(40)
            ? MessageShape(bits: 0)
            : MessageShape(
                length: UInt32(random.below(66)), capabilities: UInt32(random.below(random.chance(50) ? 1 : 3)),
                lease: random.chance(60))
        let form = random.chance(3) ? UInt32(truncatingIfNeeded: random.next()) : shape.bits
        return request(.call, slot(thread, .portal), form: form, random.next())
    }

    private mutating func copy(_ caller: ModelThread) -> Request {
        let size = Int(min(caller.lease?.size ?? 0x1000, 0x4000)) + 1
        let start = random.below(size)
        return request(
            .copy, 0, form: UInt32(random.below(random.chance(95) ? 2 : 5)),
            random.chance(90) ? UInt64(start) : offset(0x1800), offset(0x3000),
            random.chance(90) ? UInt64(random.below(size - start)) : offset(0x1800))
    }

    private mutating func replyWait(_ thread: ModelThread) -> Request {
        var form = UInt32(thread.caller == nil ? 2 : 3)
        if random.chance(20) { form = UInt32(random.below(16)) }
        let shape =
            random.chance(80)
            ? MessageShape(bits: 0)
            : MessageShape(
                length: UInt32(random.below(66)), capabilities: UInt32(random.below(3)), lease: random.chance(5))
        return request(.replyWait, shape.bits, form: form, random.next())
    }

    private mutating func operation(_ model: KernelModel, _ thread: ModelThread) -> Request {
        let isRoot = thread === model.rootThread
        switch random.below(60) {
        case 0..<12: return request(.signal, slot(thread, .notification), 1 << UInt64(random.below(4)))
        case 12..<14: return request(.poll, slot(thread, .notification))
        case 14..<22: return create(thread)
        case 22..<32:
            let source = slot(thread, nil)
            return request(
                .derive, source, UInt64(slot(thread, .capabilityTable)), free(thread),
                random.chance(70) ? 15 : random.next(),
                random.chance(60) ? 0 : UInt64(random.below(5)) << (random.chance(50) ? 12 : 0),
                random.chance(60) ? 0 : UInt64(random.below(4)) << 12)
        case 32..<40:
            if isRoot, random.chance(1) { return request(.revoke, RootSlot.firstRegion) }
            return request(
                .revoke, random.chance(92) ? UInt32(truncatingIfNeeded: free(thread)) : slot(thread, nil),
                form: UInt32(random.below(random.chance(97) ? 2 : 4)))
        case 40..<48:
            return request(
                .map, slot(thread, .addressSpace), form: random.chance(97) ? 0 : 1, UInt64(slot(thread, .extent)),
                random.chance(97) ? UInt64(random.below(24)) << 12 : random.next(),
                random.chance(97) ? UInt64(random.below(8)) << 12 : random.next(),
                random.chance(97) ? UInt64(random.below(20)) << 12 : random.next(), UInt64(random.below(8)),
                free(thread))
        case 48..<55: return control(thread)
        case 55..<57: return request(.notificationBind, slot(thread, .notification), UInt64(slot(thread, .thread)))
        case 57..<59: return schedule(thread)
        default:
            return Request(
                operation: 18 + random.next() % 100, selector: Selector(bits: random.next()),
                words: (0..<6).map { _ in random.next() })
        }
    }

    private mutating func create(_ thread: ModelThread) -> Request {
        let kinds: [(ObjectKind, UInt64)] = [
            (.capabilityTable, 1 + UInt64(random.below(20))), (.thread, 0), (.portal, 0),
            (.portal, UInt64(slot(thread, .thread))), (.schedulingContext, 0), (.notification, 0),
            (.extent, UInt64(random.below(5)) << 12), (.extent, UInt64(1 + random.below(2)) << 12),
            (.region, UInt64(random.below(6)) << 12),
            (.addressSpace, UInt64(random.below(3)) | (random.chance(50) ? KernelLimits.doorbellTable : 0)),
        ]
        var (kind, parameter) = kinds[random.below(kinds.count)]
        if random.chance(3) { parameter = random.next() }
        let form = random.chance(98) ? UInt32(kind.rawValue) : [0, 9, 11, 12, 13, 256, .max][random.below(7)]
        if form != kind.rawValue { kind = .none }
        return request(
            .create, slot(thread, .region), form: form, parameter, free(thread),
            random.chance(95) ? 4096 : random.next())
    }

    private mutating func control(_ thread: ModelThread) -> Request {
        let form = ContextControl(rawValue: UInt32(random.below(10)))!
        let target = slot(thread, .thread)
        let words: [UInt64]
        switch form {
        case .configure:
            let time = slot(thread, .schedulingContext)
            words = [
                UInt64(slot(thread, .addressSpace)), UInt64(slot(thread, .capabilityTable)),
                random.chance(80) ? 0 : UInt64(slot(thread, .portal)), UInt64(time), UInt64(random.below(3)), 0,
            ]
        case .setAbortMask: words = [UInt64(random.below(4)), 0, 0, 0, 0, 0]
        case .setMessagePage:
            words = [
                random.chance(10) ? 0 : UInt64(slot(thread, .extent)),
                random.chance(80) ? 0 : UInt64(random.below(3)) << 11,
                0, 0, 0, 0,
            ]
        case .bindStopped: words = [random.chance(20) ? 0 : UInt64(slot(thread, .notification)), 1, 0, 0, 0, 0]
        case .bindPortal: words = [UInt64(slot(thread, .portal)), 0, 0, 0, 0, 0]
        default: words = [UInt64(random.below(4)), 0, 0, 0, 0, 0]
        }
        return Request(
            operation: Operation.contextControl.rawValue,
            selector: Selector(slot: target, form: random.chance(98) ? form.rawValue : 10 + UInt32(random.below(9))),
            words: words)
    }

    private mutating func schedule(_ thread: ModelThread) -> Request {
        let time = slot(thread, .schedulingContext)
        switch random.below(4) {
        case 0: return request(.scheduleControl, time, form: ScheduleControl.timeUsed.rawValue)
        case 1: return request(.scheduleControl, time, form: ScheduleControl.yield.rawValue)
        case 2:
            return request(
                .scheduleControl, time, form: ScheduleControl.bindOverrun.rawValue,
                random.chance(20) ? 0 : UInt64(slot(thread, .notification)))
        default:
            return request(
                .scheduleControl, time, UInt64(random.below(3)), UInt64(random.below(33)), UInt64(random.below(2000)),
                random.chance(50) ? 0 : UInt64(random.below(2000)), UInt64(random.below(4000)))
        }
    }

    // MARK: Words

    /// Returns a slot of the thread's table, mostly one with a capability of this kind.
    private mutating func slot(_ thread: ModelThread, _ kind: ObjectKind?) -> UInt32 {
        let isRoot = thread.core == 0 && (thread.slots?.slots.count ?? 0) > 100
        let range = isRoot ? 50..<200 : 1..<48
        if random.chance(6) {
            return isRoot
                ? UInt32(range.lowerBound + random.below(range.count)) : UInt32(truncatingIfNeeded: random.next() % 60)
        }
        guard let slots = thread.slots?.slots else { return 1 }
        // The search makes one pass from a random place.
        let bounds = range.clamped(to: 0..<slots.count)
        guard !bounds.isEmpty else { return 1 }
        let start = random.below(bounds.count)
        for step in 0..<bounds.count {
            let number = bounds.lowerBound + (start + step) % bounds.count
            if let node = slots[number], kind == nil || node.kind == kind { return UInt32(number) }
        }
        return UInt32(bounds.lowerBound)
    }

    private mutating func free(_ thread: ModelThread) -> UInt64 {
        if random.chance(2) { return random.next() }
        let isRoot = (thread.slots?.slots.count ?? 0) > 100
        let range = isRoot ? ModelSlots.rootFree : ModelSlots.tenantFree
        return UInt64(range.lowerBound) + UInt64(random.below(range.count))
    }

    private mutating func offset(_ limit: Int) -> UInt64 {
        random.chance(95) ? UInt64(random.below(limit)) : random.next()
    }

    private mutating func write() -> ModelStep {
        let base = ModelSlots.base(random.below(ModelSlots.tenants))
        if random.chance(4) { return .fill(base + ModelSlots.extent, UInt64(random.below(1 << 30)) << 20) }
        let thread = base + ModelSlots.thread
        switch random.below(6) {
        case 0, 1:
            return .write(
                thread, 64 + 2 * random.below(2), UInt64(1 + random.below(46)) | UInt64(random.below(16)) << 32)
        case 2: return .write(thread, 65 + 2 * random.below(2), random.chance(60) ? 0 : UInt64(random.below(3)) << 12)
        case 3: return .write(thread, 68, UInt64(22 + random.below(24)) | UInt64(22 + random.below(24)) << 32)
        case 4:
            return .write(
                thread, 72 + random.below(2), random.chance(97) ? UInt64(random.below(0x2800)) : random.next())
        default: return .write(thread, 74, random.chance(70) ? 3 : UInt64(random.below(4)))
        }
    }
}
