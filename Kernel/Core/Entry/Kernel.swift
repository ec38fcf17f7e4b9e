import ABI

/// The kernel, for a machine. It holds no state: a core's is in `Core`, everything else in objects.
///
/// Every entry comes from the architecture's vectors with the context that ran, changes state, and leaves in
/// `core.current` who runs next (`resume`). Nothing here blocks, and nothing keeps a stack between entries.
public enum Kernel<M: BoardHardware> {}

/// A machine with the state that its cores share.
public protocol BoardHardware: Hardware {
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

    /// The operations that are not on the fast paths. They leave `x0` as `ok` unless they say otherwise. One that
    /// destroys its own caller leaves an answer that nobody reads: the memory is still there.
    @inline(__always)
    private static func operateSlowly(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector
    ) {
        let operation = caller.pointee.frame.x[0]
        caller.pointee.frame.x[0] = Status.ok.rawValue
        do throws(Failure) {
            switch operation {
            case Operation.copy.rawValue: try copy(core, caller, selector)
            case Operation.create.rawValue: try exclusively { () throws(Failure) in try create(caller, selector) }
            case Operation.derive.rawValue: try exclusively { () throws(Failure) in try derive(caller, selector) }
            case Operation.revoke.rawValue: try exclusively { () throws(Failure) in try revoke(core, caller, selector) }
            case Operation.map.rawValue: try exclusively { () throws(Failure) in try map(caller, selector) }
            case Operation.doorbell.rawValue:
                try exclusively { () throws(Failure) in try bindDoorbell(caller, selector) }
            case Operation.contextControl.rawValue: try contextControl(core, caller, selector)
            case Operation.contextState.rawValue: try contextState(core, caller, selector)
            case Operation.notificationBind.rawValue:
                try exclusively { () throws(Failure) in try bind(core, caller, selector) }
            case Operation.timer.rawValue: try timer(core, caller, selector)
            case Operation.scheduleControl.rawValue: try scheduleControl(core, caller, selector)
            case Operation.interruptControl.rawValue: try interruptControl(core, caller, selector)
            case Operation.system.rawValue: try system(core, caller, selector)
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
    /// bounded; cores are served in the order in which they came, so one waits at most for one such piece of work of
    /// each other core.
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
    ) throws(Failure) -> Found {
        guard let table = caller.pointee.table else { throw .badCapability }
        return try table.pointee.find(selector.slot, kind, rights, read: { M.readPair($0) }, order: { M.orderLoads() })
    }

    /// A capability with its place in the tree, named by a message word. Under the lock of `exclusively`.
    static func findNode(
        _ caller: Ref<ExecutionContext>, _ slot: UInt64, _ kind: ObjectKind, _ rights: Rights
    ) throws(Failure) -> Ref<Capability> {
        guard let table = caller.pointee.table, slot < table.pointee.count, slot != 0 else { throw .badCapability }
        let node = Ref<Capability>(at: table.pointee.slots + slot &* Capability.size)
        let header = node.pointee.header.relaxedLoad()
        guard header & (0xFF | UInt64(rights.rawValue) << 8) == UInt64(kind.rawValue) | UInt64(rights.rawValue) << 8
        else {
            throw header & 0xFF == UInt64(kind.rawValue) ? .noRights : .badCapability
        }
        return node
    }

    /// A thread or a virtual CPU.
    static func findContext(
        _ caller: Ref<ExecutionContext>, _ slot: UInt32, _ rights: Rights = .manage
    ) throws(Failure) -> Ref<ExecutionContext> {
        guard let node = caller.pointee.table?.pointee.slot(slot) else { throw .badCapability }
        let header = node.pointee.header.load()
        guard
            header & 0xFF == UInt64(ObjectKind.thread.rawValue)
                || header & 0xFF == UInt64(ObjectKind.virtualCPU.rawValue)
        else { throw .badCapability }
        guard header >> 8 & UInt64(rights.rawValue) != 0 else { throw .noRights }
        let object = node.pointee.object
        M.orderLoads()
        guard node.pointee.header.relaxedLoad() == header else { throw .badCapability }
        return Ref(at: object)
    }

    /// A thread or a virtual CPU, with its place in the tree. Under the lock of `exclusively`.
    static func findContextNode(_ caller: Ref<ExecutionContext>, _ slot: UInt64) throws(Failure) -> Ref<Capability> {
        guard slot <= UInt32.max, let node = caller.pointee.table?.pointee.slot(UInt32(slot)),
            node.pointee.kind == .thread || node.pointee.kind == .virtualCPU
        else { throw .badCapability }
        guard node.pointee.rights.contains(.manage) else { throw .noRights }
        return node
    }
}
