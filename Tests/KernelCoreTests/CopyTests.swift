import ABI
import Foundation
import HardwareModel
import TestSupport
import Testing

@testable import KernelCore

/// A client that lends memory to a server, each in a space of its own. The server serves the client.
private struct Loan {
    let fixture: Fixture
    let server: Tenant
    let client: Tenant
    let portal: UInt32
    /// Extents of 8 pages each. The client's is mapped at 0x10_0000, and the server's at 0x20_0000.
    let lent: UInt32, own: UInt32
    /// The slot of the client's mapping.
    let lentMapping: UInt32
    static let theirs: UInt64 = 0x10_0000, mine: UInt64 = 0x20_0000
    static let size: UInt64 = 8 * 4096

    init(
        rights: Rights = .readWrite, lentRights: Rights = .readWrite, ownRights: Rights = .readWrite,
        size: UInt64 = size, cores: Int = 1
    ) {
        let fixture = Fixture(cores: cores)
        self.fixture = fixture
        func make(_ priority: UInt64, _ address: UInt64, _ rights: Rights) -> (Tenant, UInt32, UInt32) {
            var tenant = fixture.makeThread(priority: priority, starts: false)
            tenant.space = fixture.create(.addressSpace, 8)
            fixture.configure(tenant)
            let extent = fixture.create(.extent, Self.size, alignment: 4096), mapping = fixture.freeSlot()
            fixture.succeed(
                .map, tenant.space, UInt64(extent), address, 0, Self.size, UInt64(rights.rawValue), UInt64(mapping))
            fixture.giveMessagePage(tenant)
            fixture.start(tenant)
            return (tenant, extent, mapping)
        }
        (server, own, _) = make(20, Self.mine, ownRights)
        (client, lent, lentMapping) = make(10, Self.theirs, lentRights)
        portal = fixture.makePortal(to: server)
        for index in 0..<Int(Self.size / 8) {
            fixture.memory(lent)[index] = 0x1111_0000 + UInt64(index)
            fixture.memory(own)[index] = 0x2222_0000 + UInt64(index)
        }
        let page = fixture.messagePage(client)
        page[72] = Self.theirs
        page[73] = size
        page[74] = UInt64(rights.rawValue)
        fixture.sleepRoot()
        fixture.wait(server)
        fixture.call(portal, by: client, shape: MessageShape(length: 0, lease: true))
    }

    @discardableResult
    func copy(_ form: CopyForm, offset: UInt64, address: UInt64, size: UInt64) -> (Status?, UInt64, UInt64) {
        let answer = fixture.operate(.copy, form: form.rawValue, offset, address, size, by: server.context)
        return (answer.status, answer.words[0], answer.words[1])
    }
}

@Suite struct CopyTests {
    @Test func theServerHearsOfTheLease() {
        let loan = Loan()
        let x0 = loan.server.context.pointee.frame.x[0]
        #expect(x0 & 0xFF == Status.ok.rawValue && x0 & ArrivalBits.lease != 0)
    }

    @Test func bytesGoBothWaysAndNowhereElse() {
        let loan = Loan()
        let (lent, own) = (loan.fixture.memory(loan.lent), loan.fixture.memory(loan.own))
        #expect(loan.copy(.read, offset: 16, address: Loan.mine + 8, size: 24) == (.ok, 24, Loan.mine + 8))
        #expect(
            (0..<6).map { own[$0] } == [0x2222_0000, 0x1111_0002, 0x1111_0003, 0x1111_0004, 0x2222_0004, 0x2222_0005])
        #expect(loan.copy(.write, offset: 0, address: Loan.mine + 0x800, size: 8).0 == .ok)
        #expect(lent[0] == 0x2222_0100 && lent[1] == 0x1111_0001)
        // Single bytes need no alignment: two bytes of the server's word become bytes 1 and 2 of the client's.
        own[256] = 0x1234_5678_9ABC_DEF0
        loan.copy(.write, offset: 9, address: Loan.mine + 0x802, size: 2)
        #expect(lent[1] == 0x1111_0001 & ~0xFF_FF00 | 0x9ABC << 8)
    }

    /// Both pages end inside of the copied range.
    @Test(arguments: [(0xFF8, 0xFF0), (0xFF0, 0xFF8), (1, 0xFFF), (0, 0)] as [(UInt64, UInt64)])
    func itCrossesPages(offset: UInt64, place: UInt64) {
        let loan = Loan()
        let size: UInt64 = 4096
        #expect(
            loan.copy(.read, offset: offset, address: Loan.mine + place, size: size) == (.ok, size, Loan.mine + place))
        let from = UnsafeRawPointer(loan.fixture.memory(loan.lent)) + Int(offset)
        let to = UnsafeRawPointer(loan.fixture.memory(loan.own)) + Int(place)
        #expect(
            (0..<Int(size)).allSatisfy {
                from.load(fromByteOffset: $0, as: UInt8.self) == to.load(fromByteOffset: $0, as: UInt8.self)
            })
        let behind = (to + Int(size)).load(as: UInt8.self)
        #expect(behind == UInt8(truncatingIfNeeded: (0x2222_0000 + (place + size) / 8) >> ((place + size) % 8 * 8)))
    }

    @Test func alongOneGoesOnWhereItStopped() {
        let loan = Loan()
        var done: UInt64 = 0
        var rounds = 0
        while done < Loan.size {
            let (status, step, _) = loan.copy(.read, offset: done, address: Loan.mine + done, size: Loan.size - done)
            rounds += 1
            #expect(step == K.copyBatch)
            done += step
            #expect(status == (done < Loan.size ? .again : .ok))
        }
        #expect(rounds == 8)
        let (lent, own) = (loan.fixture.memory(loan.lent), loan.fixture.memory(loan.own))
        #expect((0..<Int(Loan.size / 8)).allSatisfy { lent[$0] == own[$0] })
    }

    @Test func nothingIsCopiedToo() {
        #expect(Loan().copy(.read, offset: Loan.size, address: Loan.mine, size: 0) == (.ok, 0, Loan.mine))
    }

    @Test(
        arguments: [
            // Offset, own address, size.
            (0, Loan.mine, Loan.size + 1), (Loan.size, Loan.mine, 1), (Loan.size + 1, Loan.mine, 0),
            (.max, Loan.mine, 2),
            (1, Loan.mine, .max), (0, 1 << 39, 8), (0, (1 << 39) - 8, 16), (0, .max, 1),
        ] as [(UInt64, UInt64, UInt64)])
    func rangesAreChecked(offset: UInt64, address: UInt64, size: UInt64) {
        #expect(Loan().copy(.read, offset: offset, address: address, size: size).0 == .badArgument)
    }

    /// The last byte of a space can be copied, and nothing lies behind it.
    @Test(
        arguments: [
            (0, 1 << 39, 0, Status.badArgument), (0, (1 << 39) - 8, 8, .badAddress),
            (0, (1 << 39) - 8, 9, .badArgument),
            (Loan.size - 1, Loan.mine, 1, .ok), (Loan.size - 1, Loan.mine, 2, .badArgument),
            (0, Loan.mine + 1, Loan.size - 1, .again),
        ] as [(UInt64, UInt64, UInt64, Status)])
    func rangesAtTheirEdges(offset: UInt64, address: UInt64, size: UInt64, status: Status) {
        #expect(Loan().copy(.read, offset: offset, address: address, size: size).0 == status)
    }

    /// The count that others wait by is odd only during a copy, for any end of the copy.
    @Test func beginningsAndEndsAreCounted() {
        let loan = Loan()
        let core = loan.fixture.core(0)
        for (address, status, count) in [
            (Loan.mine, Status.ok, 2), (0x7000_0000, .badAddress, 4), (1 << 39, .badArgument, 4),
        ] as [(UInt64, Status, UInt64)] {
            #expect(loan.copy(.read, offset: 0, address: address, size: 8).0 == status)
            let copies = core.pointee.copies.load()
            #expect(copies == count)
        }
    }

    @Test func rightsOfTheLeaseCount() {
        let reading = Loan(rights: .read)
        #expect(reading.copy(.read, offset: 0, address: Loan.mine, size: 8).0 == .ok)
        #expect(reading.copy(.write, offset: 0, address: Loan.mine, size: 8).0 == .noRights)
        let writing = Loan(rights: .write)
        #expect(writing.copy(.read, offset: 0, address: Loan.mine, size: 8).0 == .noRights)
        #expect(writing.copy(.write, offset: 0, address: Loan.mine, size: 8).0 == .ok)
        #expect(Loan(rights: Rights(rawValue: 0)).copy(.read, offset: 0, address: Loan.mine, size: 0).0 == .noRights)
    }

    /// A lender may lend memory that it cannot access itself, and a server's own memory may be missing. The answer
    /// names the side at fault.
    @Test func mappingsOfBothSidesCount() {
        let theirs = Loan(lentRights: .read)
        #expect(theirs.copy(.write, offset: 0, address: Loan.mine, size: 8) == (.badAddress, 0, 1))
        #expect(theirs.copy(.read, offset: 0, address: Loan.mine, size: 8).0 == .ok)
        let own = Loan(ownRights: .read)
        #expect(own.copy(.read, offset: 0, address: Loan.mine, size: 8) == (.badAddress, 0, 0))
        #expect(own.copy(.write, offset: 0, address: Loan.mine, size: 8).0 == .ok)
        // If both are at fault, the answer names the invoker's own side.
        let both = Loan(lentRights: Rights(rawValue: 0), ownRights: Rights(rawValue: 0))
        #expect(both.copy(.read, offset: 0, address: Loan.mine, size: 8) == (.badAddress, 0, 0))
    }

    @Test func aCopyEndsAtAnUnmappedPage() {
        let loan = Loan(size: Loan.size + 4096)
        #expect(loan.copy(.read, offset: Loan.size - 16, address: Loan.mine, size: 32) == (.badAddress, 16, 1))
        #expect(loan.copy(.read, offset: 0, address: Loan.mine + Loan.size - 8, size: 32) == (.badAddress, 8, 0))
        #expect(loan.copy(.read, offset: 0, address: Loan.mine - 8, size: 32) == (.badAddress, 0, 0))
    }

    /// Only RAM can be copied, because the kernel reads no device registers on behalf of a tenant.
    @Test func devicesAreNoMemory() {
        let loan = Loan()
        let device = loan.fixture.freeSlot()
        K.install(
            CapabilityValue(
                kind: .extent, rights: .all, isDevice: true, object: PhysicalAddress(0x900_0000), word: 4096),
            in: loan.fixture.table, device)
        loan.fixture.raiseRoot()
        loan.fixture.succeed(
            .map, loan.server.space, UInt64(device), 0x4000_0000, 0, 4096, 3, UInt64(loan.fixture.freeSlot()))
        loan.fixture.sleepRoot()
        #expect(loan.copy(.read, offset: 0, address: 0x4000_0000, size: 8) == (.badAddress, 0, 0))
    }

    /// In a block of 2 MiB the copy uses the right page, on either side and in either direction.
    @Test(arguments: [true, false], [0, 0x1000, 0x2340, 0x1F_F000] as [UInt64])
    func pagesOfABlock(isReading: Bool, offset: UInt64) {
        let form = isReading ? CopyForm.read : .write
        let loan = Loan(), fixture = loan.fixture, mega: UInt64 = 2 << 20, block: UInt64 = 0x4000_0000
        fixture.raiseRoot()
        let extents = [loan.server, loan.client].map { tenant in
            let extent = fixture.create(.extent, mega, alignment: mega)
            fixture.succeed(.map, tenant.space, UInt64(extent), block, 0, mega, 3, UInt64(fixture.freeSlot()))
            let leaf = K.leaf(fixture.object(tenant.space, as: AddressSpace.self), GuestAddress(block))
            #expect(leaf?.span == mega)
            for place in 0..<512 { fixture.memory(extent)[place * 512] = 0 }
            return extent
        }
        fixture.sleepRoot()
        loan.client.context.pointee.lease.address = GuestAddress(block)
        loan.client.context.pointee.lease.size = mega
        // The copy uses the same offset in the written block, and the other end of the read block.
        let (from, to) = isReading ? (extents[1], extents[0]) : (extents[0], extents[1])
        let mirror = (mega - 0x1000 - offset) & ~7
        fixture.memory(from)[Int((isReading ? offset : mirror) / 8)] = 0x1234
        fixture.memory(to)[Int((isReading ? mirror : offset) / 8)] = 0x5678
        #expect(loan.copy(form, offset: offset, address: block + mirror, size: 8).0 == .ok)
        #expect(fixture.memory(to)[Int((isReading ? mirror : offset) / 8)] == 0x1234)
    }

    /// The kernel checks the second page of one entry like the first one.
    @Test(arguments: [true, false], [false, true]) func rightsOfEachPageCount(isReading: Bool, isOwn: Bool) {
        let form = isReading ? CopyForm.read : .write
        let loan = Loan(), fixture = loan.fixture
        fixture.raiseRoot()
        // A page with fewer rights lies behind the eight pages of either side.
        let isTarget = isReading == isOwn, tenant = isOwn ? loan.server : loan.client
        let extent = fixture.create(.extent, Page.size, alignment: Page.size), start = isOwn ? Loan.mine : Loan.theirs
        let rights = isTarget ? Rights.read : Rights(rawValue: 0)
        fixture.succeed(
            .map, tenant.space, UInt64(extent), start + Loan.size, 0, Page.size, UInt64(rights.rawValue),
            UInt64(fixture.freeSlot()))
        fixture.memory(extent)[0] = 7
        fixture.sleepRoot()
        loan.client.context.pointee.lease.size = Loan.size + Page.size
        let (offset, address) = isOwn ? (0, Loan.mine + Loan.size - 16) : (Loan.size - 16, Loan.mine)
        #expect(loan.copy(form, offset: offset, address: address, size: 32) == (.badAddress, 16, isOwn ? 0 : 1))
        #expect(fixture.memory(extent)[0] == 7)
    }
    /// Pages lie in another order in memory, and each byte goes to the page to which it belongs.
    @Test(arguments: [0, 1, 2, 7] as [UInt64], [1, 2, 3, 16] as [UInt64])
    func pagesThatAreNotNeighbours(offset: UInt64, before: UInt64) {
        let loan = Loan(), fixture = loan.fixture, place: UInt64 = 0x5000_0000
        fixture.raiseRoot()
        for (index, page) in [6, 2, 4].enumerated() {
            fixture.succeed(
                .map, loan.server.space, UInt64(loan.own), place + UInt64(index) * Page.size, UInt64(page) * Page.size,
                Page.size, 3, UInt64(fixture.freeSlot()))
        }
        fixture.sleepRoot()
        #expect(loan.copy(.read, offset: offset, address: place + Page.size - before, size: 32).0 == .ok)
        let from = UnsafeRawPointer(fixture.memory(loan.lent)) + Int(offset),
            own = UnsafeRawPointer(fixture.memory(loan.own))
        for index in 0..<32 {
            let to =
                index < before ? 7 * Int(Page.size) - Int(before) + index : 2 * Int(Page.size) + index - Int(before)
            #expect(own.load(fromByteOffset: to, as: UInt8.self) == from.load(fromByteOffset: index, as: UInt8.self))
        }
    }
    @Test func theLeaseEndsWithTheCall() {
        let loan = Loan()
        loan.fixture.succeed(.replyWait, form: ReplyForm.reply, by: loan.server.context)
        // The client is the less urgent of the two: the server goes on.
        #expect(loan.fixture.current() == loan.server.context)
        #expect(loan.copy(.read, offset: 0, address: Loan.mine, size: 8).0 == .badState)
        loan.fixture.wait(loan.server)
        loan.fixture.call(loan.portal, by: loan.client)
        #expect(loan.copy(.read, offset: 0, address: Loan.mine, size: 8).0 == .badState, "one without a lease")
    }

    @Test func theLeaseEndsWhenTheCallerIsAborted() {
        let loan = Loan()
        loan.fixture.raiseRoot()
        loan.fixture.succeed(.contextControl, loan.client.slot, form: ContextControl.abort.rawValue)
        loan.fixture.sleepRoot()
        // The client's next call lets the server finish.
        loan.fixture.call(loan.portal, by: loan.client)
        #expect(loan.fixture.current() == loan.server.context)
        #expect(loan.copy(.write, offset: 0, address: Loan.mine, size: 8).0 == .badState)
    }

    /// The lent memory was revoked meanwhile. The server learns that it is gone, and nothing else happens.
    @Test func theMemoryMayBeTakenAwayMeanwhile() {
        let loan = Loan()
        loan.fixture.raiseRoot()
        #expect(loan.fixture.revoke(loan.lent) == .ok)
        loan.fixture.sleepRoot()
        #expect(loan.copy(.read, offset: 0, address: Loan.mine, size: 8) == (.badAddress, 0, 1))
        loan.fixture.raiseRoot()
        loan.fixture.delete(loan.server.space)
        #expect(loan.client.state == .ready && loan.fixture.answer(loan.client.context).status == .dead)
    }

    @Test func formsAndCallers() {
        let loan = Loan()
        for form in [2, 3, .max] as [UInt32] {
            #expect(
                loan.fixture.operate(.copy, form: form, 0, Loan.mine, 8, by: loan.server.context).status == .unsupported
            )
        }
        loan.fixture.raiseRoot()
        #expect(loan.fixture.operate(.copy, 0, Loan.mine, 8).status == .badState, "nobody's server")
    }

    /// Another core revokes the pages while a copy is under way. After that, no byte is written any more.
    @Test func revokedPagesAreNotWrittenAnyMore() {
        let loan = Loan(cores: 2)
        let fixture = loan.fixture
        fixture.checksInvariants = false
        fixture.raiseRoot()
        let taker = fixture.makeThread(priority: 10, core: 1)
        fixture.settle(1)
        fixture.sleepRoot()
        nonisolated(unsafe) let core = fixture.model.cores[1]
        nonisolated(unsafe) let context = taker.context
        nonisolated(unsafe) let lent = fixture.memory(loan.lent)
        let space = loan.client.space, extent = loan.lent, mapping = loan.lentMapping
        let state = Rounds(), end = Date() + Patience.seconds, rounds = UInt64(TestLength.count(short: 200, long: 400))
        @Sendable func operate(_ operation: ABI.Operation, _ selector: Selector, _ words: [UInt64] = []) -> UInt64 {
            context.pointee.frame.x[0] = operation.rawValue
            context.pointee.frame.x[1] = selector.bits
            for place in 0..<6 { context.pointee.frame.x[2 + place] = place < words.count ? words[place] : 0 }
            K.operate(core.kernelCore, context)
            return context.pointee.frame.x[0]
        }
        let thread = Thread {
            core.run {
                for round in 1...rounds {
                    // On a busy host the other core may have had no processor for many rounds.
                    while state.copies.load() < round / 4, Date() < end { sched_yield() }
                    for _ in 0..<round % 50 { _ = state.late.load() }
                    let taken = operate(.revoke, Selector(slot: mapping, form: RevokeForm.delete.rawValue))
                    let seen = (0..<512).map { lent[$0] }
                    for _ in 0..<200 { _ = state.late.load() }
                    if taken != Status.ok.rawValue || seen != (0..<512).map({ lent[$0] }) { state.late.store(1) }
                    let words = [
                        UInt64(extent), Loan.theirs, 0, Loan.size, UInt64(Rights.readWrite.rawValue), UInt64(mapping),
                    ]
                    if operate(.map, Selector(slot: space), words) != Status.ok.rawValue { state.late.store(2) }
                }
                state.isOver.store(1)
            }
        }
        thread.start()
        let own = fixture.memory(loan.own), server = loan.server.context
        fixture.model.cores[0].run {
            while state.isOver.load() == 0 {
                for index in 0..<512 { own[index] = state.copies.load() }
                server.pointee.frame.x[0] = ABI.Operation.copy.rawValue
                server.pointee.frame.x[1] = Selector(slot: 0, form: CopyForm.write.rawValue).bits
                server.pointee.frame.x[2] = 0
                server.pointee.frame.x[3] = Loan.mine
                server.pointee.frame.x[4] = 4096
                K.operate(fixture.core(0), server)
                if server.pointee.frame.x[0] == Status.ok.rawValue { state.copies.count() }
            }
        }
        #expect(state.late.load() == 0 && state.copies.load() >= rounds / 4)
    }

    private final class Rounds: @unchecked Sendable {
        /// 1 if a byte came late; 2 if the pages could not be mapped again.
        let late = AtomicWord(0)
        let isOver = AtomicWord(0)
        /// The number of copies that succeeded.
        let copies = AtomicWord(0)
    }
}
