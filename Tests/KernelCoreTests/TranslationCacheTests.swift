import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// The entries that the cores' TLBs may keep when spaces, virtual CPUs and mappings are removed. The fixture takes the
/// model's faults after each entry. A running tenant could hit every entry that the model still holds under its VMID.
@Suite struct TranslationCacheTests {
    private let fixture = Fixture(cores: 2)

    /// Makes a thread in a space of its own, which runs on core 1.
    private func makeComponent(_ space: UInt32) -> Tenant {
        var thread = fixture.makeThread(core: 1, starts: false)
        thread.space = space
        fixture.configure(thread, core: 1)
        fixture.start(thread)
        #expect(fixture.current(1) == thread.context)
        return thread
    }

    private func create(_ kind: ObjectKind, _ parameter: UInt64 = 0, of region: UInt32, in slot: UInt32) {
        var status = Status.again as Status?
        while status == .again {
            status = fixture.operate(.create, region, form: UInt32(kind.rawValue), parameter, UInt64(slot)).status
        }
        #expect(status == .ok)
    }

    private func space(_ slot: UInt32) -> Ref<AddressSpace> { fixture.object(slot, as: AddressSpace.self) }

    private func configure(_ machine: Tenant, in space: UInt32, core: Int = 1) {
        var moved = machine
        moved.space = space
        fixture.configure(moved, core: core)
    }

    /// The next space gets the same VMID, and lies at the very same place here.
    @Test(arguments: [false, true])
    func aSpaceFindsNothingOfOneBeforeIt(samePlace: Bool) {
        let part = fixture.create(.region, 1 << 16), slot = fixture.freeSlot()
        create(.addressSpace, 1, of: part, in: slot)
        let first = space(slot), identifier = first.pointee.identifier
        let thread = makeComponent(slot)
        #expect(fixture.model.cores[1].access(GuestAddress(0)) == nil)
        fixture.delete(slot)
        #expect(thread.state == .stopped)
        if samePlace { #expect(fixture.revoke(part) == .ok) }
        create(.addressSpace, 1, of: part, in: slot)
        #expect(space(slot).pointee.identifier == identifier && (space(slot) == first) == samePlace)
        _ = makeComponent(slot)
    }

    /// The same holds after the last core has left the space.
    @Test func aSpaceThatWasLeftIsForgottenToo() {
        let slot = fixture.create(.addressSpace, 1)
        let thread = makeComponent(slot)
        let other = fixture.makeThread(priority: 20, core: 1)
        fixture.settleAll()
        #expect(fixture.current(1) == other.context)
        fixture.delete(thread.slot)
        fixture.delete(slot)
        fixture.stop(other)
        _ = makeComponent(fixture.create(.addressSpace, 1))
    }

    @Test func virtualCPUsThatShareACoreForgetEachOther() {
        let first = fixture.makeVirtualCPU(core: 1)
        let second = fixture.makeVirtualCPU(core: 1, space: first.space)
        for _ in 0..<3 {
            #expect(fixture.model.cores[1].access(GuestAddress(0x1000)) == nil)
            fixture.waitForInterrupt(fixture.current(1) == first.context ? first : second)
            fixture.stop(first)
            fixture.start(first)
            fixture.stop(second)
            fixture.start(second)
        }
    }

    /// A virtual CPU of the same space but of another core is destroyed while one of them runs.
    @Test func virtualCPUsForgetEachOtherWhenOneElsewhereIsGone() {
        let first = fixture.makeVirtualCPU(), second = fixture.makeVirtualCPU(space: first.space)
        let helper = fixture.makeThread(priority: 20, core: 1)
        let third = fixture.makeVirtualCPU(core: 1, space: first.space)
        fixture.sleepRoot()
        let (now, next) = fixture.current() == first.context ? (first, second) : (second, first)
        fixture.delete(third.slot, by: helper.context)
        #expect(fixture.current() == now.context)
        fixture.waitForInterrupt(now)
        #expect(fixture.current() == next.context)
    }

    /// Each of them has the core in turn, with components between them.
    @Test func virtualCPUsThatTakeTurnsForgetEachOther() {
        let machines = [fixture.makeVirtualCPU(core: 1)]
        let all = machines + (0..<2).map { _ in fixture.makeVirtualCPU(core: 1, space: machines[0].space) }
        let stranger = fixture.makeVirtualCPU(core: 1)
        _ = fixture.makeThread(priority: 5, core: 1)
        var seen: Set<UInt64> = []
        for _ in 0..<20 {
            fixture.advance(1000)
            seen.insert(fixture.current(1)!.address.value)
        }
        #expect(seen.isSuperset(of: (all + [stranger]).map { $0.context.address.value }))
    }

    /// The kernel identifies a virtual CPU by its place.
    @Test func aVirtualCPUFindsNothingOfOneBeforeItAtItsPlace() {
        let part = fixture.create(.region, 1 << 16), home = fixture.create(.addressSpace, 1)
        var machines: [Tenant] = []
        for _ in 0..<3 {
            let slot = fixture.freeSlot()
            create(.virtualCPU, of: part, in: slot)
            let machine = Tenant(
                context: fixture.object(slot, as: ExecutionContext.self), slot: slot,
                scheduling: fixture.makeScheduling(priority: 5, core: 1), space: home)
            #expect(machines.allSatisfy { $0.context == machine.context })
            fixture.configure(machine, core: 1)
            fixture.start(machine)
            #expect(fixture.current(1) == machine.context)
            machines.append(machine)
            fixture.delete(slot)
            #expect(fixture.revoke(part) == .ok)
        }
    }

    /// It was moved meanwhile, so that leaving its last space says nothing about this one.
    @Test func thePlaceOfAVirtualCPUCountsInEachSpaceThatItWasIn() {
        let part = fixture.create(.region, 1 << 16), spaces = (0..<2).map { _ in fixture.create(.addressSpace, 1) }
        for _ in 0..<2 {
            let slot = fixture.freeSlot()
            create(.virtualCPU, of: part, in: slot)
            let machine = Tenant(
                context: fixture.object(slot, as: ExecutionContext.self), slot: slot,
                scheduling: fixture.makeScheduling(priority: 5, core: 1), space: spaces[0])
            for space in spaces {
                configure(machine, in: space)
                fixture.start(machine)
                #expect(fixture.current(1) == machine.context)
                fixture.stop(machine)
            }
            fixture.delete(slot)
            #expect(fixture.revoke(part) == .ok)
        }
    }

    /// Its changes to its tables on other cores did not invalidate anything here.
    @Test func aVirtualCPUThatComesBackFindsNothingOfItsFirstStay() {
        let machine = fixture.makeVirtualCPU(core: 1), elsewhere = fixture.create(.addressSpace, 1)
        for space in [elsewhere, machine.space, elsewhere] {
            fixture.stop(machine)
            configure(machine, in: space)
            fixture.start(machine)
            #expect(fixture.current(1) == machine.context)
        }
    }

    /// All cores forget pages and blocks completely.
    @Test(arguments: [1, 2])
    func eachPieceOfAMappingIsForgottenOnEachCore(cores: Int) {
        let home = fixture.create(.addressSpace, 8)
        let machines = (0..<cores).map { fixture.makeVirtualCPU(priority: 31, core: 1 - $0, space: home) }
        let extent = fixture.freeSlot(), slot = fixture.freeSlot(), large: UInt64 = 2 << 20
        K.install(
            CapabilityValue(
                kind: .extent, rights: .all, isDevice: false, object: PhysicalAddress(1 << 32), word: 4 * large),
            in: fixture.table, extent)
        // Five pages before a border, two blocks, five pages behind.
        let start = large - 5 * Page.size, size = 2 * large + 10 * Page.size
        // The second one has root's core, but only while root works.
        func asRoot(_ body: () -> Void) {
            if cores == 2 { fixture.enter { K.forceStop($0, machines[1].context) } }
            body()
            if cores == 2 { fixture.enter { K.begin($0, machines[1].context) } }
        }
        asRoot { fixture.succeed(.map, home, UInt64(extent), start, start, size, 3, UInt64(slot)) }
        let places =
            (0..<5).map { start + $0 * Page.size } + [large, 2 * large - 1, 3 * large - 8]
            + (0..<5).map { 3 * large + $0 * Page.size }
        func seen() -> [Int] {
            (0..<cores).map { core in
                places.count { fixture.model.cores[1 - core].access(GuestAddress($0))?.value == 1 << 32 + $0 }
            }
        }
        #expect(seen().allSatisfy { $0 == places.count })
        var status = Status.again as Status?
        while status == .again {
            asRoot { status = fixture.operate(.revoke, slot, form: RevokeForm.delete.rawValue).status }
            _ = seen()
            fixture.verify()
        }
        #expect(status == .ok && seen().allSatisfy { $0 == 0 })
    }
}

/// The model's TLB finds the intended faults, and no others.
@Suite struct TranslationModelTests {
    private let model = ModelBoard(cores: 2)
    private let root: PhysicalAddress

    init() { root = model.take(3 * Page.size) }

    private func onCore<Result>(_ index: Int = 0, _ body: () -> Result) -> Result { model.cores[index].run(body) }

    /// Runs a tenant of the space. Virtual CPUs differ by their number.
    private func run(_ translation: Translation, _ number: UInt64?, core: UInt8 = 0) -> [ModelFault] {
        model.run(translation, virtualCPU: number, core: CoreID(core))
    }

    private func make(identifier: UInt16 = 5, page: UInt64 = 0) -> Translation {
        onCore { ModelHardware.makeTranslation(root: root + page * Page.size, identifier: identifier) }
    }

    @Test func anIdentifierThatIsUsedAgainMustBeInvalidated() {
        let first = make()
        #expect(run(first, nil) == [] && run(first, nil) == [])
        for second in [make(page: 1), make()] {
            let stale = ModelFault.anotherSpacesTranslation(identifier: 5, core: 0)
            #expect(run(second, nil) == [stale])
            onCore { ModelHardware.invalidateLocally(second) }
            #expect(run(second, nil) == [stale], "stage 2 outlives an invalidation of stage 1")
            onCore { ModelHardware.invalidateAll(second) }
            // Core 0 translates by it again, through `invalidateLocally`.
            #expect(run(second, nil) == [])
            onCore { ModelHardware.setTranslation(Translation(bits: 0)) }
        }
    }

    @Test func aSpaceInUseIsCachedAnew() {
        let first = make()
        onCore(1) { ModelHardware.setTranslation(first) }
        onCore { ModelHardware.invalidateAll(first) }
        let second = make()
        #expect(model.takeFaults() == [.identifierInUse(5)])
        #expect(run(second, nil) == [])
        #expect(run(second, nil, core: 1) == [.anotherSpacesTranslation(identifier: 5, core: 1)])
    }

    @Test func virtualCPUsOfAnIdentifierShareACore() {
        let space = make(), foreign = ModelFault.anotherVirtualCPUsTranslation(identifier: 5, core: 0)
        #expect(run(space, 1) == [] && run(space, 2, core: 1) == [])
        #expect(run(space, 2) == [foreign])
        onCore { ModelHardware.invalidateLocally(space) }
        #expect(run(space, 2) == [])
        onCore(1) { ModelHardware.invalidateLocally(space) }
        #expect(run(space, 1) == [foreign], "that was another core")
        // The broadcast for a single address removes the entries of stage 1 as well, but not those of the tenant that
        // runs meanwhile.
        model.enterKernel(core: CoreID(0))
        onCore { ModelHardware.invalidate(space, GuestAddress(0)) }
        #expect(run(space, 1) == [])
        onCore(1) { ModelHardware.invalidate(space, GuestAddress(0)) }
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
