import ABI
import Interleaving
import HardwareModel
import Testing

@testable import KernelCore

/// `copy` runs between two spaces, while another core revokes a page and uses the memory itself.
@Suite struct InterleavingCopyTests {
    private let scenario = KernelScenario(cores: 2)
    private let server: Party, client: Party
    private let taker: Tenant

    /// A side of the copy: its thread, its page, and the mapping's slot.
    private struct Party {
        var tenant: Tenant
        var extent: UInt32, mapping: UInt32
    }

    private static let theirs: UInt64 = 0x10_0000, mine: UInt64 = 0x20_0000
    /// The words in the client's page and in the server's, and the word that the revoking core writes.
    private static let lent: UInt64 = 0x1111, own: UInt64 = 0x2222, taken: UInt64 = 0x3333
    private static let count = 2

    init() {
        let fixture = scenario.fixture
        func make(_ priority: UInt64, _ address: UInt64, _ word: UInt64) -> Party {
            var tenant = fixture.makeThread(priority: priority, starts: false)
            tenant.space = fixture.create(.addressSpace, 8)
            fixture.configure(tenant)
            let extent = fixture.create(.extent, 2 * Page.size, alignment: Page.size), mapping = fixture.freeSlot()
            fixture.succeed(
                .map, tenant.space, UInt64(extent), address, 0, Page.size, UInt64(Rights.readWrite.rawValue),
                UInt64(mapping))
            fixture.giveMessagePage(tenant)
            fixture.start(tenant)
            for index in 0..<Self.count { fixture.memory(extent)[index] = word }
            return Party(tenant: tenant, extent: extent, mapping: mapping)
        }
        server = make(20, Self.mine, Self.own)
        client = make(10, Self.theirs, Self.lent)
        taker = fixture.makeThread(priority: 10, core: 1)
        let portal = fixture.makePortal(to: server.tenant)
        let page = fixture.messagePage(client.tenant)
        page[72] = Self.theirs
        page[73] = Page.size
        page[74] = UInt64(Rights.readWrite.rawValue)
        fixture.sleepRoot()
        fixture.wait(server.tenant)
        fixture.call(portal, by: client.tenant, shape: MessageShape(length: 0, lease: true))
    }

    /// Makes the mapping one of two pages, which the fast path does not remove.
    private func lengthen(_ party: Party, _ address: UInt64) {
        let fixture = scenario.fixture
        fixture.raiseRoot()
        fixture.succeed(
            .map, party.tenant.space, UInt64(party.extent), address + Page.size, Page.size, Page.size,
            UInt64(Rights.readWrite.rawValue), UInt64(party.mapping))
        fixture.sleepRoot()
    }

    private func page(_ party: Party) -> PhysicalAddress { scenario.fixture.slot(party.extent).pointee.object }

    /// Lets the server copy, while core 1 revokes the page of `victim`, writes into it, and reads it again.
    private func explore(
        _ form: CopyForm, _ victim: Party, late: Bool = false, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let page = page(victim)
        let copy = scenario.operation(.copy, form: form.rawValue, 0, Self.mine, UInt64(8 * Self.count))
        if late {
            scenario.body(0) { copyLate($0, form) }
        } else {
            scenario.program(server.tenant.context, copy, scenario.wait)
        }
        var before: [UInt64] = []
        scenario.program(
            taker.context, scenario.untilDone(.revoke, victim.mapping, form: RevokeForm.delete.rawValue),
            { _, _ in
                before = (0..<Self.count).map { ModelHardware.readWord(page + UInt64(8 * $0)) }
                let after = (0..<Self.count).map { ModelHardware.readWord(page + UInt64(8 * $0)) }
                if before != after { Interleaving.fail("the page has changed from \(before) to \(after)") }
                for index in 0..<Self.count { ModelHardware.writeWord(page + UInt64(8 * index), Self.taken) }
            })
        scenario.explore(.short, sourceLocation: sourceLocation) { [self] in
            let memory = scenario.fixture.memory(victim.extent)
            guard (0..<Self.count).allSatisfy({ memory[$0] == Self.taken }) else { return "written after it was taken" }
            let others = [client, server].map { scenario.fixture.memory($0.extent) }.filter { $0 != memory }
            let isRead = others.contains { other in (0..<Self.count).contains { other[$0] == Self.taken } }
            guard !isRead else { return "read after it was taken" }
            return scenario.fixture.isEmpty(victim.mapping) ? nil : "not taken: \(taker.context.pointee.frame.x[0])"
        }
    }

    /// Enters the kernel, and lets the other core go on before it copies.
    private func copyLate(_ core: ModelCore, _ form: CopyForm) {
        let context = server.tenant.context
        context.pointee.frame.x[0] = ABI.Operation.copy.rawValue
        context.pointee.frame.x[1] = Selector(slot: 0, form: form.rawValue).bits
        for (place, word) in [0, Self.mine, UInt64(8 * Self.count)].enumerated() {
            context.pointee.frame.x[2 + place] = word
        }
        KernelScenario.enter(core) { kernelCore in
            Interleaving.letOthersGoOn()
            K.operate(kernelCore, context)
        }
    }

    /// The page tables may be read late, after the count of copies was read.
    @Test func aCopyThatBeginsLateSeesThatThePageWasTaken() { explore(.write, client, late: true) }

    @Test func nothingIsWrittenIntoALeaseThatWasTaken() { explore(.write, client) }
    @Test func nothingIsReadOfALeaseThatWasTaken() { explore(.read, client) }
    @Test func nothingIsWrittenIntoTheServersPageThatWasTaken() { explore(.read, server) }
    @Test func nothingIsReadOfTheServersPageThatWasTaken() { explore(.write, server) }

    /// The same holds on the general path.
    @Test func nothingIsWrittenIntoALongLeaseThatWasTaken() {
        lengthen(client, Self.theirs)
        explore(.write, client)
    }
}
