import ABI

/// The kernel, for a machine. It holds no state: a core's is in `Core`, everything else in objects.
///
/// Every entry comes from the architecture's vectors with the context that ran, changes state, and leaves in
/// `core.current` who runs next (`resume`). Nothing here blocks, and nothing keeps a stack between entries.
public enum Kernel<M: Board_Machine> {}

/// A machine with the state that its cores share.
public protocol Board_Machine: Machine {
    static var board: Ref<Board> { get }
}

extension Kernel {
    /// An operation, from SVC or HVC: `x0` says which.
    @inline(__always)
    public static func operate(_ core: Ref<Core>, _ caller: Ref<ExecutionContext>) {
        let selector = Selector(bits: caller.pointee.frame.x[1])
        switch caller.pointee.frame.x[0] {
        case Operation.call.rawValue: call(core, caller, selector)
        case Operation.replyWait.rawValue: replyWait(core, caller, selector)
        case Operation.signal.rawValue:
            do throws(Failure) {
                // First: waking a thread may change who the answer is for.
                caller.pointee.frame.x[0] = Status.ok.rawValue
                try signal(core, caller, selector)
            } catch { caller.pointee.frame.x[0] = error.status.rawValue }
        case Operation.poll.rawValue:
            do throws(Failure) {
                try poll(caller, selector)
                caller.pointee.frame.x[0] = Status.ok.rawValue
            } catch { caller.pointee.frame.x[0] = error.status.rawValue }
        default: operateSlowly(core, caller, selector)
        }
    }

    /// The operations that are not on the fast paths. They leave `x0` as `ok` unless they say otherwise.
    @inline(never)
    private static func operateSlowly(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector
    ) {
        let operation = Operation(rawValue: caller.pointee.frame.x[0])
        caller.pointee.frame.x[0] = Status.ok.rawValue
        do throws(Failure) {
            switch operation {
            case .create: try exclusively { () throws(Failure) in try create(caller, selector) }
            case .derive: try exclusively { () throws(Failure) in try derive(caller, selector) }
            case .map: try exclusively { () throws(Failure) in try map(caller, selector) }
            case .doorbell: try exclusively { () throws(Failure) in try bindDoorbell(caller, selector) }
            case .contextControl: try contextControl(core, caller, selector)
            case .contextState: try contextState(core, caller, selector)
            case .notificationBind: try exclusively { () throws(Failure) in try bind(caller, selector) }
            case .timer: try timer(core, caller, selector)
            case .scheduleControl: try scheduleControl(core, caller, selector)
            case .interruptControl: try interruptControl(core, caller, selector)
            case .system: try system(core, caller, selector)
            default: throw .unsupported
            }
        } catch { caller.pointee.frame.x[0] = error.status.rawValue }
    }

    /// The operations that a machine may use by HVC; `x0` has been reduced to the operation number.
    public static func hypercall(_ core: Ref<Core>, _ caller: Ref<ExecutionContext>, operation: UInt64) {
        let selector = Selector(bits: caller.pointee.frame.x[1])
        caller.pointee.frame.x[0] = Status.ok.rawValue
        do throws(Failure) {
            switch operation {
            case Operation.signal.rawValue: try signal(core, caller, selector)
            case Operation.poll.rawValue: try poll(caller, selector)
            default: throw .unsupported
            }
        } catch { caller.pointee.frame.x[0] = error.status.rawValue }
    }

    /// Does something while no other core changes capabilities, regions, spaces or stopped contexts.
    ///
    /// The only lock of the kernel. It is on no path of calls, signals, exits or interrupts, and each holder's work is
    /// bounded; cores are served in the order in which they came, so one waits at most for one such piece of work of each
    /// other core.
    @inline(__always)
    static func exclusively(_ body: () throws(Failure) -> Void) throws(Failure) {
        let ticket = M.board.pointee.tickets.increment()
        while M.board.pointee.serving.load() != ticket { M.relax() }
        defer { M.board.pointee.serving.store(ticket &+ 1) }
        try body()
    }

    // MARK: Capabilities of the caller

    @inline(__always)
    static func find(
        _ caller: Ref<ExecutionContext>, _ selector: Selector, _ kind: ObjectKind, _ rights: Rights
    ) throws(Failure) -> Ref<Capability> {
        guard let table = caller.pointee.table else { throw .badCapability }
        let slot = try table.pointee.find(selector.slot, kind, rights)
        // Another core may just have filled it: its kind came last.
        M.orderLoads()
        return slot
    }

    /// Fills a free slot so that other cores see a whole capability or none.
    static func publish(_ capability: Capability, in slot: Ref<Capability>, under parent: Ref<Capability>) {
        var draft = capability
        draft.kind = .none
        slot.pointee = draft
        slot.adopt(by: parent)
        M.orderStores()
        slot.pointee.kind = capability.kind
    }

    /// A capability named by a message word.
    static func findSlot(
        _ caller: Ref<ExecutionContext>, _ slot: UInt64, _ kind: ObjectKind, _ rights: Rights
    ) throws(Failure) -> Ref<Capability> {
        guard slot <= UInt32.max else { throw .badCapability }
        return try find(caller, Selector(slot: UInt32(slot)), kind, rights)
    }

    /// A thread or a virtual CPU.
    static func findContext(
        _ caller: Ref<ExecutionContext>, _ slot: UInt32
    ) throws(Failure) -> Ref<ExecutionContext> {
        guard let capability = caller.pointee.table?.pointee.slot(slot) else { throw .badCapability }
        switch capability.pointee.kind {
        case .thread, .virtualCPU: break
        default: throw .badCapability
        }
        M.orderLoads()
        guard capability.pointee.rights.contains(.manage) else { throw .noRights }
        return capability.pointee.target(ExecutionContext.self)
    }
}
