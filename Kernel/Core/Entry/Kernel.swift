import ABI

/// The kernel, specialised for one kind of hardware. It holds no state: each core's state is in `Core`, and all other
/// state is in objects.
///
/// The architecture's vectors call it on every entry, with the context that ran. A function here changes state and
/// leaves the context that runs next in `core.current`, which the vectors resume. Nothing here blocks, and no stack
/// survives an entry. Read on in Calls/Kernel+Call.swift (call and reply), Scheduling/Kernel+Schedule.swift (the next
/// context) and Capabilities/CapabilityTree.swift (the tree of capabilities).
public enum Kernel<M: BoardHardware> {}

/// Hardware together with the state that its cores share.
public protocol BoardHardware: Hardware {
    static var board: Ref<Board> { get }
}

extension Kernel {
    /// Performs the operation that a component or a machine asks for. `x0` holds its number.
    @inline(__always)
    public static func operate(_ core: Ref<Core>, _ caller: Ref<ExecutionContext>) {
        let selector = Selector(bits: caller.pointee.frame.x[1])
        switch caller.pointee.frame.x[0] {
        case Operation.call.rawValue: call(core, caller, selector)
        case Operation.replyWait.rawValue: replyWait(core, caller, selector)
        case Operation.signal.rawValue:
            do throws(Failure) {
                // Sets the answer first, because waking a thread may change which context runs next.
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

    /// Performs an operation that is on no fast path. `x0` is `ok` unless the operation throws. An operation that
    /// destroys its own caller still writes an answer; no context reads it, and the memory is still there.
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

    /// Performs an operation that a machine may use by a hypercall. The caller has reduced `x0` to the operation
    /// number.
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

    /// Executes `body` while no other core changes capabilities, regions, spaces or stopped contexts.
    ///
    /// This is the kernel's only lock, a ticket lock. It is on no path of calls, signals, exits or interrupts. The
    /// work of each holder is bounded and the lock serves the cores in order of arrival, so that a core waits for at
    /// most one holder on each other core.
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

    /// Returns a capability of the caller, named by a message word, as a node of the tree. Requires the lock of
    /// `exclusively`.
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

    /// Returns a thread or a virtual CPU that the caller names. Needs no lock: it checks the header again after it
    /// has read the object.
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

    /// Returns the capability to a thread or a virtual CPU, as a node of the tree. Requires the lock of
    /// `exclusively`.
    static func findContextNode(_ caller: Ref<ExecutionContext>, _ slot: UInt64) throws(Failure) -> Ref<Capability> {
        guard slot <= UInt32.max, let node = caller.pointee.table?.pointee.slot(UInt32(slot)),
            node.pointee.kind == .thread || node.pointee.kind == .virtualCPU
        else { throw .badCapability }
        guard node.pointee.rights.contains(.manage) else { throw .noRights }
        return node
    }
}
