import ABI
import Interleaving
import HardwareModel
import Testing

@testable import KernelCore

/// The kernel's only lock: tickets that are served one after another, and the one attempt of the fast paths.
@Suite struct InterleavingLockTests {
    private let scenario: KernelScenario
    /// A word that only holders touch, by accesses that nothing else orders.
    private let word: Ref<KernelCore.Notification>
    private let holders = Holders()

    private final class Holders {
        var isHeld = false
        var overlaps = 0
        var served: [UInt64] = []
    }

    init() {
        scenario = KernelScenario(cores: 3)
        word = scenario.fixture.object(scenario.fixture.create(.notification), as: KernelCore.Notification.self)
        scenario.name(word, "counter")
        let holders = holders
        scenario.atStart = { (holders.isHeld, holders.overlaps, holders.served) = (false, 0, []) }
    }

    private func hold(_ core: ModelCore, times: Int) {
        core.enter { _ in
            for _ in 0..<times {
                try? K.exclusively { () throws(Failure) in
                    if holders.isHeld { holders.overlaps += 1 }
                    holders.isHeld = true
                    holders.served.append(ModelHardware.board.pointee.serving.load())
                    word.pointee.bits.relaxedStore(word.pointee.bits.relaxedLoad() &+ 1)
                    holders.isHeld = false
                }
            }
        }
    }

    private func check(_ count: UInt64) -> String? {
        guard holders.overlaps == 0 else { return "two at once" }
        guard word.pointee.bits.load() == count else { return "counted \(word.pointee.bits.load())" }
        guard holders.served == holders.served.sorted() else { return "served in the order \(holders.served)" }
        let board = scenario.fixture.model.kernelBoard
        return board.pointee.tickets.load() == board.pointee.serving.load() ? nil : "the lock is held"
    }

    @Test func oneAtATimeIsServedAndAllAre() {
        for core in 0..<3 { scenario.body(core) { hold($0, times: core == 0 ? 2 : 1) } }
        scenario.explore { [self] in check(4) }
    }

    /// Core 2 maps and unmaps a page on the fast path, which tries the lock once.
    @Test func anAttemptSucceedsOnlyIfNobodyHoldsTheLock() {
        let fixture = scenario.fixture
        let page = UInt64(fixture.create(.extent, Page.size, alignment: Page.size))
        let slots = (0...1).map { _ in fixture.freeSlot() }
        // The tables for the page exist from now on.
        let address: UInt64 = 0x40_0000
        fixture.succeed(
            .map, InitialSlot.space, page, address, 0, Page.size, UInt64(Rights.readWrite.rawValue), UInt64(slots[0]))
        let mapper = fixture.makeThread(priority: 10, core: 2)
        fixture.sleepRoot()
        for core in 0..<2 { scenario.body(core) { hold($0, times: 1) } }
        scenario.program(
            mapper.context,
            scenario.operation(
                .map, InitialSlot.space, page, address + Page.size, 0, Page.size, UInt64(Rights.readWrite.rawValue),
                UInt64(slots[1])),
            scenario.operation(.revoke, slots[0], form: RevokeForm.delete.rawValue))
        scenario.explore(.short) { [self] in
            guard mapper.context.pointee.frame.x[0] == Status.ok.rawValue, fixture.isEmpty(slots[0]),
                !fixture.isEmpty(slots[1])
            else { return "the page is not mapped anew" }
            return check(2)
        }
    }

    /// A fast path enters the kernel long before it tries the lock. It sees the state that the last holder has left.
    @Test func anAttemptSeesWhatTheLastHolderHasLeft() {
        let fixture = scenario.fixture
        let page = UInt64(fixture.create(.extent, 2 * Page.size, alignment: Page.size))
        let slots = (0...1).map { _ in fixture.freeSlot() }
        let address: UInt64 = 0x40_0000, rights = UInt64(Rights.readWrite.rawValue)
        fixture.succeed(.map, InitialSlot.space, page, address, 0, Page.size, rights, UInt64(slots[1]))
        let mappers = (1...2).map { fixture.makeThread(priority: 10, core: $0) }
        fixture.sleepRoot()
        scenario.program(
            mappers[0].context,
            scenario.operation(
                .map, InitialSlot.space, page, address + 3 * Page.size, 0, Page.size, rights, UInt64(slots[0])))
        scenario.body(2) { core in
            let context = mappers[1].context
            context.pointee.frame.x[0] = ABI.Operation.map.rawValue
            context.pointee.frame.x[1] = Selector(slot: InitialSlot.space).bits
            let words = [page, address + Page.size, 0, Page.size, rights, UInt64(slots[0])]
            for (place, word) in words.enumerated() { context.pointee.frame.x[2 + place] = word }
            KernelScenario.enter(core) { kernelCore in
                Interleaving.letOthersGoOn()
                if K.mapFast(context) == nil { K.operate(kernelCore, context) }
            }
        }
        scenario.explore(Extent.isFull ? .short : Extent(deviations: 2, schedules: 300, random: 40)) { [self] in
            let answers = mappers.map { $0.context.pointee.frame.x[0] }.sorted()
            let expected = [Status.ok.rawValue, Status.occupied.rawValue].sorted()
            return answers == expected ? check(0) : "the mappers were told \(answers)"
        }
    }

    /// Two fast paths want the same slot at once. One gets it, and the other one finds it in use.
    @Test(arguments: [true, false]) func twoAttemptsAtOnceDoNotMeet(haveOneSlot: Bool) {
        let fixture = scenario.fixture
        let page = UInt64(fixture.create(.extent, 2 * Page.size, alignment: Page.size))
        let slots = (0...2).map { _ in fixture.freeSlot() }
        let address: UInt64 = 0x40_0000, rights = UInt64(Rights.readWrite.rawValue)
        fixture.succeed(.map, InitialSlot.space, page, address, 0, Page.size, rights, UInt64(slots[2]))
        let mappers = (1...2).map { fixture.makeThread(priority: 10, core: $0) }
        fixture.sleepRoot()
        for (index, mapper) in mappers.enumerated() {
            scenario.program(
                mapper.context,
                scenario.operation(
                    .map, InitialSlot.space, page, address + UInt64(2 * index + 1) * Page.size, 0, Page.size, rights,
                    UInt64(slots[haveOneSlot ? 0 : index])))
        }
        let expected = haveOneSlot ? [Status.ok.rawValue, Status.occupied.rawValue].sorted() : [0, 0]
        scenario.explore(Extent.isFull ? .short : Extent(deviations: 2, schedules: 300, random: 40)) { [self] in
            let answers = mappers.map { $0.context.pointee.frame.x[0] }.sorted()
            return answers == expected ? check(0) : "the mappers were told \(answers)"
        }
    }
}
