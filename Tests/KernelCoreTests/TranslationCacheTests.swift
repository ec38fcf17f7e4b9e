import ABI
import MachineModel
import Testing

@testable import KernelCore

/// The entries that may be left in the cores' TLBs when spaces, virtual CPUs and mappings go. The bench takes the
/// model's faults after each entry; a tenant that runs could hit all that the model still holds under its VMID.
@Suite struct TranslationCacheTests {
    private let bench = Bench(cores: 2)

    /// A thread in a space of its own, which runs on core 1.
    private func makeComponent(_ space: UInt32) -> Tenant {
        var thread = bench.makeThread(core: 1, starts: false)
        thread.space = space
        bench.configure(thread, core: 1)
        bench.start(thread)
        #expect(bench.current(1) == thread.context)
        return thread
    }

    private func create(_ kind: ObjectKind, _ parameter: UInt64 = 0, of region: UInt32, in slot: UInt32) {
        var status = Status.again as Status?
        while status == .again {
            status = bench.operate(.create, region, form: UInt32(kind.rawValue), parameter, UInt64(slot)).status
        }
        #expect(status == .ok)
    }

    private func space(_ slot: UInt32) -> Ref<AddressSpace> { bench.object(slot, as: AddressSpace.self) }

    private func configure(_ machine: Tenant, in space: UInt32, core: Int = 1) {
        var moved = machine
        moved.space = space
        bench.configure(moved, core: core)
    }

    /// The next one gets its VMID; here it lies at the very same place, too.
    @Test(arguments: [false, true])
    func aSpaceFindsNothingOfOneBeforeIt(samePlace: Bool) {
        let part = bench.create(.region, 1 << 16), slot = bench.freeSlot()
        create(.addressSpace, 1, of: part, in: slot)
        let first = space(slot), identifier = first.pointee.identifier
        let thread = makeComponent(slot)
        #expect(bench.model.cores[1].access(GuestAddress(0)) == nil)
        bench.delete(slot)
        #expect(thread.state == .stopped)
        if samePlace { #expect(bench.revoke(part) == .ok) }
        create(.addressSpace, 1, of: part, in: slot)
        #expect(space(slot).pointee.identifier == identifier && (space(slot) == first) == samePlace)
        _ = makeComponent(slot)
    }

    /// The same when no core had it current any more.
    @Test func aSpaceThatWasLeftIsForgottenToo() {
        let slot = bench.create(.addressSpace, 1)
        let thread = makeComponent(slot)
        let other = bench.makeThread(priority: 20, core: 1)
        bench.settleAll()
        #expect(bench.current(1) == other.context)
        bench.delete(thread.slot)
        bench.delete(slot)
        bench.stop(other)
        _ = makeComponent(bench.create(.addressSpace, 1))
    }

    @Test func virtualCPUsThatShareACoreForgetEachOther() {
        let first = bench.makeVirtualCPU(core: 1)
        let second = bench.makeVirtualCPU(core: 1, space: first.space)
        for _ in 0..<3 {
            #expect(bench.model.cores[1].access(GuestAddress(0x1000)) == nil)
            bench.waitForInterrupt(bench.current(1) == first.context ? first : second)
            bench.stop(first)
            bench.start(first)
            bench.stop(second)
            bench.start(second)
        }
    }

    /// One that shares their space, but not their core, goes while one of them runs.
    @Test func virtualCPUsForgetEachOtherWhenOneElsewhereIsGone() {
        let first = bench.makeVirtualCPU(), second = bench.makeVirtualCPU(space: first.space)
        let helper = bench.makeThread(priority: 20, core: 1)
        let third = bench.makeVirtualCPU(core: 1, space: first.space)
        bench.sleepRoot()
        let (now, next) = bench.current() == first.context ? (first, second) : (second, first)
        bench.delete(third.slot, by: helper.context)
        #expect(bench.current() == now.context)
        bench.waitForInterrupt(now)
        #expect(bench.current() == next.context)
    }

    /// Each has the core in turn, and components between them.
    @Test func virtualCPUsThatTakeTurnsForgetEachOther() {
        let machines = [bench.makeVirtualCPU(core: 1)]
        let all = machines + (0..<2).map { _ in bench.makeVirtualCPU(core: 1, space: machines[0].space) }
        let stranger = bench.makeVirtualCPU(core: 1)
        _ = bench.makeThread(priority: 5, core: 1)
        var seen: Set<UInt64> = []
        for _ in 0..<20 {
            bench.advance(1000)
            seen.insert(bench.current(1)!.address.value)
        }
        #expect(seen.isSuperset(of: (all + [stranger]).map { $0.context.address.value }))
    }

    /// The kernel knows a virtual CPU by its place.
    @Test func aVirtualCPUFindsNothingOfOneBeforeItAtItsPlace() {
        let part = bench.create(.region, 1 << 16), home = bench.create(.addressSpace, 1)
        var machines: [Tenant] = []
        for _ in 0..<3 {
            let slot = bench.freeSlot()
            create(.virtualCPU, of: part, in: slot)
            let machine = Tenant(
                context: bench.object(slot, as: ExecutionContext.self), slot: slot,
                scheduling: bench.makeScheduling(priority: 5, core: 1), space: home)
            #expect(machines.allSatisfy { $0.context == machine.context })
            bench.configure(machine, core: 1)
            bench.start(machine)
            #expect(bench.current(1) == machine.context)
            machines.append(machine)
            bench.delete(slot)
            #expect(bench.revoke(part) == .ok)
        }
    }

    /// It was moved meanwhile, so that leaving its last space says nothing of this one.
    @Test func thePlaceOfAVirtualCPUCountsInEachSpaceThatItWasIn() {
        let part = bench.create(.region, 1 << 16), spaces = (0..<2).map { _ in bench.create(.addressSpace, 1) }
        for _ in 0..<2 {
            let slot = bench.freeSlot()
            create(.virtualCPU, of: part, in: slot)
            let machine = Tenant(
                context: bench.object(slot, as: ExecutionContext.self), slot: slot,
                scheduling: bench.makeScheduling(priority: 5, core: 1), space: spaces[0])
            for space in spaces {
                configure(machine, in: space)
                bench.start(machine)
                #expect(bench.current(1) == machine.context)
                bench.stop(machine)
            }
            bench.delete(slot)
            #expect(bench.revoke(part) == .ok)
        }
    }

    /// The changes that it made to its tables elsewhere were not invalidated here.
    @Test func aVirtualCPUThatComesBackFindsNothingOfItsFirstStay() {
        let machine = bench.makeVirtualCPU(core: 1), elsewhere = bench.create(.addressSpace, 1)
        for space in [elsewhere, machine.space, elsewhere] {
            bench.stop(machine)
            configure(machine, in: space)
            bench.start(machine)
            #expect(bench.current(1) == machine.context)
        }
    }

    /// Pages and blocks, by every core, and not one of them is left behind.
    @Test(arguments: [1, 2])
    func eachPieceOfAMappingIsForgottenOnEachCore(cores: Int) {
        let home = bench.create(.addressSpace, 8)
        let machines = (0..<cores).map { bench.makeVirtualCPU(priority: 31, core: 1 - $0, space: home) }
        let extent = bench.freeSlot(), slot = bench.freeSlot(), large: UInt64 = 2 << 20
        K.install(
            CapabilityValue(
                kind: .extent, rights: .all, isDevice: false, object: PhysicalAddress(1 << 32), word: 4 * large),
            in: bench.table, extent)
        // Five pages before a border, two blocks, five pages behind.
        let start = large - 5 * Page.size, size = 2 * large + 10 * Page.size
        // The second one has root's core, but while root works.
        func asRoot(_ body: () -> Void) {
            if cores == 2 { bench.enter { K.forceStop($0, machines[1].context) } }
            body()
            if cores == 2 { bench.enter { K.begin($0, machines[1].context) } }
        }
        asRoot { bench.succeed(.map, home, UInt64(extent), start, start, size, 3, UInt64(slot)) }
        let places =
            (0..<5).map { start + $0 * Page.size } + [large, 2 * large - 1, 3 * large - 8]
            + (0..<5).map { 3 * large + $0 * Page.size }
        func seen() -> [Int] {
            (0..<cores).map { core in
                places.count { bench.model.cores[1 - core].access(GuestAddress($0))?.value == 1 << 32 + $0 }
            }
        }
        #expect(seen().allSatisfy { $0 == places.count })
        var status = Status.again as Status?
        while status == .again {
            asRoot { status = bench.operate(.revoke, slot, form: RevokeForm.delete.rawValue).status }
            _ = seen()
            bench.verify()
        }
        #expect(status == .ok && seen().allSatisfy { $0 == 0 })
    }
}

/// The model's TLB sees what it is there to see, and nothing else.
@Suite struct TranslationModelTests {
    private let model = ModelBoard(cores: 2)
    private let root: PhysicalAddress

    init() { root = model.take(3 * Page.size) }

    private func onCore<Result>(_ index: Int = 0, _ body: () -> Result) -> Result { model.cores[index].run(body) }

    /// A tenant of the space runs; virtual CPUs are told apart by their number.
    private func run(_ translation: Translation, _ number: UInt64?, core: UInt8 = 0) -> [ModelFault] {
        model.run(translation, virtualCPU: number, core: CoreID(core))
    }

    private func make(identifier: UInt16 = 5, page: UInt64 = 0) -> Translation {
        onCore { ModelMachine.makeTranslation(root: root + page * Page.size, identifier: identifier) }
    }

    @Test func anIdentifierThatIsUsedAgainMustBeInvalidated() {
        let first = make()
        #expect(run(first, nil) == [] && run(first, nil) == [])
        for second in [make(page: 1), make()] {
            let stale = ModelFault.anotherSpacesTranslation(identifier: 5, core: 0)
            #expect(run(second, nil) == [stale])
            onCore { ModelMachine.invalidateLocally(second) }
            #expect(run(second, nil) == [stale], "stage 2 outlives an invalidation of stage 1")
            onCore { ModelMachine.invalidateAll(second) }
            // Core 0 translates by it again, through `invalidateLocally`.
            #expect(run(second, nil) == [])
            onCore { ModelMachine.setTranslation(Translation(bits: 0)) }
        }
    }

    @Test func whatACoreStillTranslatesByIsCachedAnew() {
        let first = make()
        onCore(1) { ModelMachine.setTranslation(first) }
        onCore { ModelMachine.invalidateAll(first) }
        let second = make()
        #expect(model.takeFaults() == [.identifierInUse(5)])
        #expect(run(second, nil) == [])
        #expect(run(second, nil, core: 1) == [.anotherSpacesTranslation(identifier: 5, core: 1)])
    }

    @Test func virtualCPUsOfAnIdentifierShareACore() {
        let space = make(), foreign = ModelFault.anotherVirtualCPUsTranslation(identifier: 5, core: 0)
        #expect(run(space, 1) == [] && run(space, 2, core: 1) == [])
        #expect(run(space, 2) == [foreign])
        onCore { ModelMachine.invalidateLocally(space) }
        #expect(run(space, 2) == [])
        onCore(1) { ModelMachine.invalidateLocally(space) }
        #expect(run(space, 1) == [foreign], "that was another core")
        // The broadcast for a single address takes the entries of stage 1 along, but not those of who runs meanwhile.
        model.enterKernel(core: CoreID(0))
        onCore { ModelMachine.invalidate(space, GuestAddress(0)) }
        #expect(run(space, 1) == [])
        onCore(1) { ModelMachine.invalidate(space, GuestAddress(0)) }
        #expect(run(space, 2) == [foreign])
    }

    @Test func componentsHaveOneRegimeAndMachinesNone() {
        let space = make()
        #expect(run(space, nil) == [] && run(space, nil) == [])
        #expect(run(space, 1) == [.anotherVirtualCPUsTranslation(identifier: 5, core: 0)])
    }

    @Test func aVirtualCPUThatIsElsewhereLosesItsRegime() {
        let home = make(), other = make(identifier: 6, page: 1)
        #expect(run(home, 1) == [] && run(other, 1) == [])
        #expect(run(home, 1) == [.anotherVirtualCPUsTranslation(identifier: 5, core: 0)])
    }
}
