import ABI
import HardwareModel
import Testing

@testable import KernelCore

typealias K = Kernel<ModelHardware>

/// The registers of the caller after an operation.
struct Answer {
    var status: Status?
    var tag: UInt64
    var words: [UInt64]
}

/// A board with a root thread that holds all of RAM, like the one with which the kernel starts.
///
/// One thread plays the tests: the current context of a core does the next operation there. After each kernel entry the
/// fixture checks the model's faults and the kernel's invariants.
final class Fixture {
    let model: ModelBoard
    /// The table of root, which every thread of the fixture shares.
    let table: Ref<CapabilityTable>
    let root: Ref<ExecutionContext>
    let rootScheduling: Ref<SchedulingContext>
    private var nextSlot: UInt32 = 32
    var checksInvariants = true
    /// True if operations try the fast path first, as the board's entry code does.
    var usesFastPath = true
    /// True if a fast path has done the last operation.
    var hasUsedFastPath = false

    static let tableSlots: UInt64 = 1000
    static let rootPriority: UInt8 = 30

    init(cores: Int = 1, memory: UInt64 = 64 << 20, listRegisters: Int = 4) {
        model = ModelBoard(cores: cores, memory: memory, listRegisters: listRegisters)
        table = Ref(at: model.take(CapabilityTable.headerSize + Self.tableSlots * Capability.size))
        table.pointee.count = Self.tableSlots
        table.pointee.slots = table.address + CapabilityTable.headerSize
        let space = Ref<AddressSpace>(at: model.take(AddressSpace.headerSize + 17 * Page.size))
        let memory = model.take(Page.size)
        root = Ref(at: memory)
        rootScheduling = Ref(at: memory + ExecutionContext.size)
        let region = Ref<Region>(at: model.take(Page.size))
        K.initialiseAtStart(region, from: model.freeMemory, to: model.endOfMemory)
        install(.capabilityTable, table.address, InitialSlot.table)
        install(.addressSpace, space.address, InitialSlot.space)
        install(.thread, root.address, InitialSlot.thread)
        install(.system, PhysicalAddress(0), RootSlot.system)
        install(.region, region.address, RootSlot.firstRegion)
        startRoot(space)
    }

    func install(_ kind: ObjectKind, _ object: PhysicalAddress, _ slot: UInt32) {
        K.install(
            CapabilityValue(kind: kind, rights: .all, isDevice: false, object: object, word: 0), in: table, slot)
    }

    private func startRoot(_ space: Ref<AddressSpace>) {
        rootScheduling.pointee.priority = Self.rootPriority
        rootScheduling.pointee.slice = Ticks(1000)
        rootScheduling.pointee.isAllTime = true
        rootScheduling.pointee.context = root
        root.pointee.space = space
        root.pointee.table = table
        root.pointee.home = rootScheduling
        root.pointee.isConfigured = true
        root.pointee.isPlaced = true
        enter(0) { core in
            K.initialiseAtStart(space, pages: 16)
            ModelHardware.board.pointee.idleTranslation = space.pointee.translation
            ModelHardware.initialiseRegisters(self.root)
            K.start(core, self.root)
        }
    }

    var region: UInt32 { RootSlot.firstRegion }
    func freeSlot() -> UInt32 {
        nextSlot += 1
        return nextSlot - 1
    }
    func slot(_ number: UInt32) -> Ref<Capability> { table.pointee.slot(number)! }
    func isEmpty(_ number: UInt32) -> Bool { slot(number).pointee.isEmpty }
    func object<Object: ~Copyable>(_ number: UInt32, as type: Object.Type) -> Ref<Object> {
        slot(number).pointee.target(type)
    }

    // MARK: Entering the kernel

    func core(_ index: Int) -> Ref<Core> { model.cores[index].kernelCore }
    func current(_ index: Int = 0) -> Ref<ExecutionContext>? { core(index).pointee.current }

    /// Performs one kernel entry on a core, from the vectors to the return.
    func enter(_ index: Int = 0, _ body: (Ref<Core>) -> Void) {
        let core = model.cores[index]
        core.enter { kernelCore in
            body(kernelCore)
            _ = K.resume(kernelCore)
            core.check()
        }
        verify()
    }

    func verify(sourceLocation: SourceLocation = #_sourceLocation) {
        let faults = model.takeFaults()
        #expect(faults.isEmpty, sourceLocation: sourceLocation)
        guard checksInvariants else { return }
        let broken = Invariants(self).broken()
        #expect(broken.isEmpty, sourceLocation: sourceLocation)
    }

    /// Takes interrupts until none is pending.
    func settle(_ index: Int = 0) {
        let core = model.cores[index]
        var count = 0
        while let number = core.pendingInterrupt {
            enter(index) { _ in _ = core.takeInterrupt() }
            count += 1
            guard count < 1000 else {
                Issue.record("interrupt \(number) of core \(index) does not go away")
                return
            }
        }
    }

    func settleAll() { for index in model.cores.indices { settle(index) } }

    /// Advances the clock, and lets each core take the interrupts that follow.
    func advance(_ ticks: UInt64) {
        model.advance(by: ticks)
        settleAll()
    }

    /// Performs an operation of a context that is current on its core. Words that are not given are 0.
    @discardableResult
    func operate(
        _ caller: Ref<ExecutionContext>, _ operation: UInt64, _ selector: Selector, _ words: [UInt64] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> Answer {
        let index = caller.pointee.core.index
        #expect(current(index) == caller, "the caller is not current", sourceLocation: sourceLocation)
        guard current(index) == caller else { return Answer(status: nil, tag: 0, words: []) }
        caller.pointee.frame.x[0] = operation
        caller.pointee.frame.x[1] = selector.bits
        for place in 0..<6 { caller.pointee.frame.x[2 + place] = place < words.count ? words[place] : 0 }
        perform(index, caller)
        return answer(caller)
    }

    /// Performs the operation in the caller's registers.
    func perform(_ index: Int, _ caller: Ref<ExecutionContext>) {
        let core = model.cores[index]
        let isDone =
            usesFastPath
            && core.enter { kernelCore in
                let next = doFast(kernelCore, caller)
                if let next { #expect(kernelCore.pointee.current == next) }
                return next != nil
            }
        hasUsedFastPath = isDone
        if isDone { core.check() } else { return enter(index) { K.operate($0, caller) } }
        verify()
    }

    /// Tries the fast paths, in the order of the board's entry code.
    func doFast(_ core: Ref<Core>, _ caller: Ref<ExecutionContext>) -> Ref<ExecutionContext>? {
        if caller.pointee.frame.x[0] == ABI.Operation.replyWait.rawValue {
            return K.replyWaitFast(core, caller) ?? K.waitFast(core, caller)
        }
        if let next = K.operateFast(core, caller) { return next }
        switch caller.pointee.frame.x[0] {
        case ABI.Operation.signal.rawValue: return K.wakeFast(core, caller)
        case ABI.Operation.map.rawValue: return K.mapFast(caller)
        case ABI.Operation.revoke.rawValue: return K.unmapFast(caller)
        default: return nil
        }
    }

    /// Returns the registers that the context finds when it runs.
    func answer(_ context: Ref<ExecutionContext>) -> Answer {
        let frame = context.pointee.frame
        return Answer(status: Status(rawValue: frame.x[0]), tag: frame.x[1], words: (2...7).map { frame.x[$0] })
    }

    /// Performs an operation by number of slot and form. The caller is root unless given.
    @discardableResult
    func operate(
        _ operation: Operation, _ slot: UInt32 = 0, form: UInt32 = 0, _ words: UInt64...,
        by caller: Ref<ExecutionContext>? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> Answer {
        operate(
            caller ?? root, operation.rawValue, Selector(slot: slot, form: form), words,
            sourceLocation: sourceLocation)
    }

    /// Performs an operation that must succeed.
    @discardableResult
    func succeed(
        _ operation: Operation, _ slot: UInt32 = 0, form: UInt32 = 0, _ words: UInt64...,
        by caller: Ref<ExecutionContext>? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> Answer {
        let answer = operate(
            caller ?? root, operation.rawValue, Selector(slot: slot, form: form), words,
            sourceLocation: sourceLocation)
        #expect(answer.status == .ok, sourceLocation: sourceLocation)
        return answer
    }
}
