import ABI
import HardwareModel

@testable import KernelCore

/// A board and the reference, side by side.
final class ModelRun {
    private let fixture: Fixture
    let model: KernelModel
    private let cores: [ModelCore]
    /// The number of steps between two comparisons.
    private let stride: Int
    private var count = 0
    /// The number of times that each operation was done.
    private(set) var done: [UInt64: Int] = [:]

    init(stride: Int = 1, usesFastPath: Bool = true) {
        self.stride = stride
        fixture = Fixture(cores: ModelSlots.cores, memory: 24 << 20)
        fixture.checksInvariants = false
        fixture.usesFastPath = usesFastPath
        cores = fixture.model.cores
        // It lies in root's own page, behind root's thread and time. The rest of RAM belongs to the region.
        let notification = fixture.root.address + 3072
        fixture.install(.notification, notification, ModelSlots.rootNotification)
        model = Self.reference(fixture)
        perform(
            0,
            Request(
                operation: Operation.notificationBind.rawValue, selector: Selector(slot: ModelSlots.rootNotification),
                words: [UInt64(InitialSlot.thread), 0, 0, 0, 0, 0]))
        for tenant in 0..<ModelSlots.tenants {
            for request in ModelTenantPlan.steps(tenant, hasRegion: false) {
                perform(0, request)
                while fixture.answer(fixture.root).status == .again { perform(0, request) }
            }
        }
    }

    /// Returns the state with which root begins.
    private static func reference(_ fixture: Fixture) -> KernelModel {
        let table = ModelTable(at: fixture.table.address.value, count: Int(Fixture.tableSlots))
        let region = fixture.object(RootSlot.firstRegion, as: Region.self)
        let objects: [(UInt32, ModelObject)] = [
            (InitialSlot.table, table),
            (InitialSlot.space, ModelSpace(at: fixture.slot(InitialSlot.space).pointee.object.value)),
            (InitialSlot.thread, ModelThread(at: fixture.root.address.value)),
            (
                RootSlot.firstRegion,
                ModelRegion(
                    at: region.address.value, start: region.pointee.start.value, end: region.pointee.end.value, used: 0)
            ),
            (
                ModelSlots.rootNotification,
                ModelNotification(at: fixture.slot(ModelSlots.rootNotification).pointee.object.value)
            ),
        ]
        let roots = objects.map { slot, object in
            let node = ModelNode(
                .slot(table, Int(slot)), object.kind, rights: 15, object: object, base: object.address, under: nil)
            table.slots[Int(slot)] = node
            return node
        }
        let thread = roots[2].object as! ModelThread
        thread.table = roots[0]
        thread.space = roots[1]
        // `create` has not made root's time.
        let time = ModelTime(at: fixture.rootScheduling.address.value)
        time.isAllTime = true
        time.priority = UInt64(Fixture.rootPriority)
        thread.scheduling = ModelNode(
            .part(thread, .scheduling), .schedulingContext, rights: 15, object: time,
            base: fixture.rootScheduling.address.value, under: nil)
        thread.isConfigured = true
        thread.isPlaced = true
        thread.state = .ready
        thread.usesOwnTime = true
        return KernelModel(coreCount: ModelSlots.cores, roots: roots, rootThread: thread)
    }

    func currentThreads() -> [ModelThread?] { (0..<ModelSlots.cores).map { current($0) } }

    private func current(_ core: Int) -> ModelThread? {
        guard let context = cores[core].kernelCore.pointee.current else { return nil }
        return model.threads.first { $0.address == context.address.value }
    }

    // MARK: Steps

    /// Performs a step. Returns the difference from the reference, or nil.
    func play(_ step: ModelStep) -> String? {
        switch step {
        case .operate(let core, let request, let isRoot):
            guard let thread = current(core), (thread === model.rootThread) == isRoot else { break }
            // The reference does not know when a budget ends, so no overrun may be reported.
            if !model.wouldTellOfOverruns(thread, request) { perform(core, request) }
        case .interrupts(let core): takeInterrupts(core)
        case .advance(let ticks): fixture.model.advance(by: ticks)
        case .raise(let core, let slot, let bits):
            if let notification = model.rootThread.slots?.slots[Int(slot)]?.object as? ModelNotification {
                enter(core) { K.raise($0, Ref(at: PhysicalAddress(notification.address)), bits) }
                model.raise(notification, bits, on: core)
            }
        case .fill(let slot, let value):
            if let extent = model.rootThread.slots?.slots[Int(slot)], extent.kind == .extent {
                let memory = UnsafeMutablePointer<UInt64>(bitPattern: UInt(extent.base))!
                for index in 0..<Int(extent.word / 8) { memory[index] = value &+ UInt64(index) }
            }
        case .write(let slot, let index, let value):
            if let thread = model.rootThread.slots?.slots[Int(slot)]?.object as? ModelThread, thread.page != 0 {
                UnsafeMutablePointer<UInt64>(bitPattern: UInt(thread.page))![index] = value
            }
        }
        count += 1
        return broken(compares: count % stride == 0)
    }

    func broken(compares: Bool, checksInvariants: Bool = false) -> String? {
        if compares {
            model.compare(slots: ModelSlots.rootLimit)
            for core in cores.indices { model.compareWhoRuns(core, cores[core].kernelCore) }
            if checksInvariants || count % (32 * stride) == 0 {
                model.broken += Invariants(fixture).broken()
            }
            for fault in fixture.model.takeFaults() { model.broken.append("\(fault)") }
        }
        return model.broken.isEmpty ? nil : model.broken.prefix(5).joined(separator: "\n  ")
    }

    private func enter(_ index: Int, _ body: (Ref<Core>) -> Void) {
        let core = cores[index]
        core.run {
            body(core.kernelCore)
            _ = K.resume(core.kernelCore)
            core.check()
        }
    }

    private func takeInterrupts(_ index: Int) {
        let core = cores[index]
        var rounds = 0
        while let number = core.pendingInterrupt, rounds < 100 {
            enter(index) { _ in _ = core.takeInterrupt() }
            rounds += 1
            // The inbox.
            guard number == 1 else { continue }
            model.follow()
            model.drain(index)
        }
        if rounds == 100 { model.broken.append("an interrupt does not go away") }
    }

    private func perform(_ index: Int, _ request: Request) {
        guard let thread = current(index), let context = cores[index].kernelCore.pointee.current else { return }
        context.pointee.frame.x[0] = request.operation
        context.pointee.frame.x[1] = request.selector.bits
        for place in 0..<6 { context.pointee.frame.x[2 + place] = request.words[place] }
        thread.expected = nil
        switch Operation(rawValue: request.operation) {
        case .call:
            let errors = model.callErrors(thread, request)
            enterKernel(index, context)
            if errors.isEmpty {
                done[request.operation, default: 0] += 1
                model.call(thread, request)
            } else {
                check(context, errors, request)
            }
        case .replyWait:
            enterKernel(index, context)
            model.replyWait(thread, request)
            if thread.expected?.status == Status.ok.rawValue { done[request.operation, default: 0] += 1 }
        default:
            let prediction = model.predict(thread, request)
            enterKernel(index, context)
            conclude(context, prediction, request)
        }
    }

    private func enterKernel(_ index: Int, _ context: Ref<ExecutionContext>) {
        let core = cores[index]
        let isReply = context.pointee.frame.x[0] == Operation.replyWait.rawValue
        core.run {
            let kernelCore = core.kernelCore
            if fixture.usesFastPath,
                (isReply ? K.replyWaitFast(kernelCore, context) : K.operateFast(kernelCore, context)) != nil
            {
                return core.check()
            }
            K.operate(kernelCore, context)
            _ = K.resume(kernelCore)
            core.check()
        }
    }

    private func check(_ context: Ref<ExecutionContext>, _ errors: [Status], _ request: Request) {
        let status = Status(rawValue: context.pointee.frame.x[0])
        if let status, errors.contains(status) { return }
        model.broken.append(
            "\(ModelStep.operate(0, request, byRoot: false)) answers \(status.map { "\($0)" } ?? "?"), not \(errors)")
    }

    private func conclude(_ context: Ref<ExecutionContext>, _ prediction: Prediction, _ request: Request) {
        guard prediction.errors.isEmpty else {
            check(context, prediction.errors, request)
            return prediction.refuse()
        }
        let status = Status(rawValue: context.pointee.frame.x[0])
        if let status, prediction.possible.contains(status), !(status == .again && request.operation == 7) {
            return prediction.refuse()
        }
        guard let status, status == .ok || status == .again && [4, 7, 8].contains(request.operation) else {
            model.broken.append(
                "\(ModelStep.operate(0, request, byRoot: false)) answers \(status.map { "\($0)" } ?? "?"), not ok")
            return
        }
        if status == .ok { done[request.operation, default: 0] += 1 }
        if let wrong = prediction.apply(status, context.pointee.frame.x[2]) {
            model.broken.append("\(ModelStep.operate(0, request, byRoot: false)): \(wrong)")
        }
    }

    // MARK: The end

    /// Lets root take everything back. Returns a remainder, or nil.
    func takeEverythingBack() -> String? {
        let request = Request(
            operation: Operation.revoke.rawValue, selector: Selector(slot: RootSlot.firstRegion),
            words: Array(repeating: 0, count: 6))
        for _ in 0..<5000 {
            if current(0) !== model.rootThread {
                if let wrong = play(.raise(0, ModelSlots.rootNotification, 1)) { return wrong }
                if current(0) !== model.rootThread { fixture.model.advance(by: 1000) }
            }
            perform(0, request)
            let isDone = current(0) === model.rootThread && fixture.answer(fixture.root).status == .ok
            for core in 0..<ModelSlots.cores { takeInterrupts(core) }
            if let wrong = broken(compares: isDone, checksInvariants: isDone) { return wrong }
            guard isDone else { continue }
            let region = fixture.object(fixture.region, as: Region.self)
            return region.pointee.next == region.pointee.start && model.threads.count == 1 ? nil : "something survived"
        }
        return "taking everything back does not end"
    }
}
