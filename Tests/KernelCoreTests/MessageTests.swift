import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// Client and server with message pages, the server waiting.
private struct Letters {
    let fixture = Fixture()
    let server: Tenant
    let client: Tenant
    let portal: UInt32
    let sent: UnsafeMutablePointer<UInt64>
    let received: UnsafeMutablePointer<UInt64>

    init() {
        server = fixture.makeThread(priority: 20)
        client = fixture.makeThread(priority: 10)
        portal = fixture.badge(fixture.makePortal(to: server), 7)
        received = fixture.giveMessagePage(server)
        sent = fixture.giveMessagePage(client)
        fixture.sleepRoot()
        fixture.wait(server)
        for index in 0..<64 {
            sent[index] = 0xA00 + UInt64(index)
            received[index] = 0xB00 + UInt64(index)
        }
    }

    func offer(
        _ index: Int, _ slot: UInt32, rights: UInt64 = 15, badge: UInt64 = 0,
        to page: UnsafeMutablePointer<UInt64>? = nil
    ) {
        let page = page ?? sent
        page[64 + 2 * index] = UInt64(slot) | rights << 32
        page[65 + 2 * index] = badge
    }

    /// Returns the parts of a message that the server's `x0` reports.
    func arrival(_ tenant: Tenant) -> (length: UInt64, capabilities: UInt64, lease: Bool) {
        let x0 = tenant.context.pointee.frame.x[0]
        return (x0 >> 8 & 0x7F, x0 >> 16 & 3, x0 & ArrivalBits.lease != 0)
    }

    func call(length: UInt32 = 0, capabilities: UInt32 = 0, lease: Bool = false) -> Answer {
        fixture.call(
            portal, by: client, shape: MessageShape(length: length, capabilities: capabilities, lease: lease), 1, 2, 3,
            4, 5, 6)
    }

    func reply(length: UInt32 = 0, capabilities: UInt32 = 0) {
        fixture.operate(
            .replyWait, MessageShape(length: length, capabilities: capabilities).bits,
            form: ReplyForm.reply | ReplyForm.wait,
            6, 5, 4, 3, 2, 1, by: server.context)
    }

    /// Offers free slots of root's table for received capabilities.
    func land(_ page: UnsafeMutablePointer<UInt64>, _ first: UInt32, _ second: UInt32 = 0) {
        page[68] = UInt64(first) | UInt64(second) << 32
    }
}

@Suite struct MessageTests {
    @Test(arguments: [7, 8, 33, 64] as [UInt32])
    func longMessagesComeWhole(length: UInt32) {
        let letters = Letters()
        _ = letters.call(length: length)
        #expect(letters.fixture.current() == letters.server.context)
        let heard = letters.fixture.answer(letters.server.context)
        #expect(heard.tag == 7 && heard.words == [1, 2, 3, 4, 5, 6])
        #expect(letters.arrival(letters.server) == (UInt64(length), 0, false))
        for index in 0..<64 {
            let isCopied = index >= 6 && index < length
            #expect(letters.received[index] == (isCopied ? 0xA00 : 0xB00) + UInt64(index))
        }
    }

    /// Words in registers never exceed the number of registers, and the kernel ignores a lease that is not offered.
    @Test(arguments: [1, 6] as [UInt32])
    func shortOnesStayShort(length: UInt32) {
        let letters = Letters()
        letters.sent[72] = .max
        letters.fixture.call(letters.portal, by: letters.client, shape: MessageShape(bits: length), 1)
        #expect(letters.fixture.current() == letters.server.context)
        let arrival = letters.arrival(letters.server)
        #expect(arrival.length == 0 && arrival.capabilities == 0 && !arrival.lease)
    }

    /// The rest of the page is not sent.
    @Test func asManyCapabilitiesAsTheShapeSays() {
        let letters = Letters()
        let fixture = letters.fixture
        fixture.raiseRoot()
        let notification = fixture.create(.notification), first = fixture.freeSlot(), second = fixture.freeSlot()
        fixture.sleepRoot()
        letters.offer(0, notification)
        letters.offer(1, notification)
        letters.land(letters.received, first, second)
        _ = letters.call(capabilities: 1)
        #expect(letters.arrival(letters.server).capabilities == 1)
        #expect(!fixture.isEmpty(first) && fixture.isEmpty(second))
    }

    /// A lease may end at the end of the space.
    @Test func aLeaseMayReachTheEnd() {
        let letters = Letters()
        letters.sent[72] = 4096
        letters.sent[73] = AddressSpace.addressLimit - 4096
        letters.sent[74] = 3
        _ = letters.call(lease: true)
        #expect(letters.arrival(letters.server).lease)
    }

    @Test func answersMayBeLong() {
        let letters = Letters()
        _ = letters.call()
        letters.reply(length: 64)
        #expect(letters.fixture.current() == letters.client.context)
        #expect(letters.arrival(letters.client) == (64, 0, false))
        #expect(letters.sent[63] == 0xB00 + 63 && letters.sent[5] == 0xA05)
        #expect(letters.client.context.pointee.frame.x[1] == 1)
    }

    @Test(arguments: [65, 127, 3 << 8, 1 << 7, 1 << 11, 1 << 31, .max] as [UInt32])
    func shapesAreChecked(bits: UInt32) {
        let letters = Letters()
        let call = letters.fixture.call(letters.portal, by: letters.client, shape: MessageShape(bits: bits))
        #expect(call.status == .badArgument)
        #expect(letters.server.state == .waiting)
        _ = letters.call()
        let form = ReplyForm.reply | ReplyForm.wait
        let answer = letters.fixture.operate(.replyWait, bits, form: form, by: letters.server.context)
        #expect(answer.status == .badArgument)
        #expect(letters.client.state == .calling)
        // An answer lends nothing.
        let lease = MessageShape(length: 0, lease: true).bits
        #expect(
            letters.fixture.operate(.replyWait, lease, form: form, by: letters.server.context).status == .badArgument)
    }

    /// A caller without a page cannot send such a message. A receiver without one gets the registers, and is told of
    /// the loss.
    @Test func pagesAreNeeded() {
        let letters = Letters()
        letters.fixture.raiseRoot()
        letters.fixture.succeed(.contextControl, letters.server.slot, form: ContextControl.setMessagePage.rawValue, 0)
        letters.fixture.sleepRoot()
        letters.offer(0, letters.portal)
        _ = letters.call(length: 20, capabilities: 1, lease: true)
        #expect(letters.arrival(letters.server) == (0, 0, true))
        #expect(letters.fixture.answer(letters.server.context).words == [1, 2, 3, 4, 5, 6])
        letters.reply(length: 20)
        #expect(letters.arrival(letters.client) == (0, 0, false))
        letters.fixture.raiseRoot()
        letters.fixture.succeed(.contextControl, letters.client.slot, form: ContextControl.setMessagePage.rawValue, 0)
        letters.fixture.sleepRoot()
        #expect(letters.call(length: 20).status == .badState)
        #expect(letters.call(capabilities: 1).status == .badState)
        #expect(letters.call(lease: true).status == .badState)
    }

    /// For a queued caller, the contents of its page at its turn count.
    @Test func queuedMessagesComeWhole() {
        let letters = Letters()
        let fixture = letters.fixture
        fixture.raiseRoot()
        let other = fixture.makeThread(priority: 25)
        let page = fixture.giveMessagePage(other)
        fixture.stop(other)
        fixture.sleepRoot()
        _ = letters.call()
        fixture.raiseRoot()
        fixture.start(other)
        fixture.sleepRoot()
        fixture.call(letters.portal, by: other, shape: MessageShape(length: 21), 8)
        #expect(other.state == .calling && fixture.current() == letters.server.context)
        page[20] = 0xCAFE
        letters.reply()
        #expect(letters.server.context.pointee.caller == other.context)
        #expect(letters.arrival(letters.server) == (21, 0, false))
        #expect(letters.received[20] == 0xCAFE)
    }

    // MARK: Capabilities

    @Test func capabilitiesLandWithTheirRights() {
        let letters = Letters()
        let fixture = letters.fixture
        let notification = letters.client.slot
        let first = fixture.freeSlot(), second = fixture.freeSlot()
        letters.offer(0, notification, rights: 9)
        letters.offer(1, letters.server.slot)
        letters.land(letters.received, first, second)
        _ = letters.call(capabilities: 2)
        #expect(letters.arrival(letters.server) == (0, 2, false))
        #expect(fixture.slot(first).pointee.kind == .thread && fixture.slot(first).pointee.rights.rawValue == 9)
        #expect(fixture.slot(first).pointee.parent == fixture.slot(notification))
        #expect(fixture.slot(second).pointee.object == letters.server.context.address)
        // The capability goes back as well.
        let third = fixture.freeSlot()
        letters.offer(0, first, rights: 15, to: letters.received)
        letters.land(letters.sent, third)
        letters.reply(capabilities: 1)
        #expect(letters.arrival(letters.client) == (0, 1, false))
        #expect(fixture.slot(third).pointee.rights.rawValue == 9, "no right comes back")
        #expect(fixture.slot(third).pointee.parent == fixture.slot(first))
        fixture.raiseRoot()
        fixture.delete(first)
        #expect(fixture.isEmpty(third))
    }

    @Test func badgesAreSetOnce() {
        let letters = Letters()
        let fixture = letters.fixture
        fixture.raiseRoot()
        let notification = fixture.create(.notification), first = fixture.freeSlot(), second = fixture.freeSlot()
        fixture.sleepRoot()
        letters.offer(0, notification, badge: 0x55)
        letters.land(letters.received, first, second)
        _ = letters.call(capabilities: 1)
        #expect(fixture.slot(first).pointee.badge == 0x55)
        letters.reply()
        letters.offer(0, first, badge: 0x66)
        letters.land(letters.received, second)
        _ = letters.call(capabilities: 1)
        #expect(letters.arrival(letters.server).capabilities == 0 && fixture.isEmpty(second))
    }

    @Test func eachHasItsOwnBadge() {
        let letters = Letters()
        let fixture = letters.fixture
        fixture.raiseRoot()
        let notification = fixture.create(.notification), first = fixture.freeSlot(), second = fixture.freeSlot()
        fixture.sleepRoot()
        letters.offer(0, notification, badge: 0x55)
        letters.offer(1, notification, badge: 0x66)
        letters.land(letters.received, first, second)
        _ = letters.call(capabilities: 2)
        #expect(fixture.slot(first).pointee.badge == 0x55 && fixture.slot(second).pointee.badge == 0x66)
    }

    /// Capabilities for which the receiver has no room stay away. Those before them have come.
    @Test func capabilitiesWithoutRoomStayAway() {
        let letters = Letters()
        let fixture = letters.fixture
        let slot = letters.client.slot
        let free = fixture.freeSlot()
        for (first, second, count) in [
            (0, free, 0), (free, 0, 1), (free, free, 0), (slot, free, 0), (1000, free, 0), (.max, free, 0),
        ] as [(UInt32, UInt32, UInt64)] {
            letters.offer(0, slot)
            letters.offer(1, slot)
            letters.land(letters.received, first, second)
            _ = letters.call(capabilities: 2)
            #expect(letters.arrival(letters.server).capabilities == count, "\(first), \(second)")
            letters.reply()
        }
    }

    @Test func capabilitiesAreCheckedBeforeTheyAreSent() {
        let letters = Letters()
        let fixture = letters.fixture
        fixture.raiseRoot()
        let weak = fixture.derive(letters.client.slot, rights: .readWrite)
        fixture.sleepRoot()
        for (slot, status) in [(0, .badCapability), (999, .badCapability), (.max, .badCapability), (weak, .noRights)]
            as [(UInt32, Status)]
        {
            letters.offer(0, letters.client.slot)
            letters.offer(1, slot)
            #expect(letters.call(capabilities: 2).status == status)
            #expect(letters.server.state == .waiting)
        }
        // In an answer the capability stays away.
        _ = letters.call()
        letters.offer(0, weak, to: letters.received)
        letters.land(letters.sent, fixture.freeSlot())
        letters.reply(capabilities: 1)
        #expect(letters.arrival(letters.client).capabilities == 0)
        #expect(letters.fixture.answer(letters.client.context).words[0] == 6)
    }

    @Test func aMappingIsNotSent() {
        let letters = Letters()
        let fixture = letters.fixture
        fixture.raiseRoot()
        let extent = fixture.create(.extent, 4096, alignment: 4096), mapping = fixture.freeSlot()
        fixture.succeed(.map, InitialSlot.space, UInt64(extent), 0x1000, 0, 4096, 3, UInt64(mapping))
        fixture.sleepRoot()
        letters.offer(0, mapping)
        letters.land(letters.received, fixture.freeSlot())
        let answer = letters.call(capabilities: 1)
        let isRefused = fixture.current() == letters.client.context && answer.status == .noRights
        #expect(isRefused || letters.arrival(letters.server).capabilities == 0)
    }

    @Test(
        arguments: [(1 << 39, 0), ((1 << 39) - 8, 16), (.max, 1), (0, .max), (4096, (1 << 39) - 4095)]
            as [(UInt64, UInt64)])
    func leasesAreChecked(address: UInt64, size: UInt64) {
        let letters = Letters()
        letters.sent[72] = address
        letters.sent[73] = size
        letters.sent[74] = 3
        #expect(letters.call(lease: true).status == .badArgument)
        #expect(letters.server.state == .waiting)
    }

    // MARK: The page itself

    @Test func thePageMustBeRAMThatMayBeReadAndWritten() {
        let fixture = Fixture(cores: 2)
        let thread = fixture.makeThread()
        let page = fixture.create(.extent, 0x2000, alignment: 4096)
        func set(_ extent: UInt32, _ offset: UInt64) -> Status? {
            fixture.operate(
                .contextControl, thread.slot, form: ContextControl.setMessagePage.rawValue, UInt64(extent), offset
            ).status
        }
        #expect(set(page, 0x1000) == .ok)
        #expect(thread.context.pointee.messagePage == fixture.slot(page).pointee.object + 0x1000)
        for offset in [0x2000, 0x800, .max, .max & ~0xFFF] as [UInt64] { #expect(set(page, offset) == .badArgument) }
        #expect(set(fixture.derive(page, rights: Rights(rawValue: 9)), 0) == .noRights)
        #expect(set(thread.slot, 0) == .badCapability)
        let device = fixture.freeSlot()
        K.install(
            CapabilityValue(
                kind: .extent, rights: .all, isDevice: true, object: PhysicalAddress(0x900_0000), word: 4096),
            in: fixture.table, device)
        #expect(set(device, 0) == .badArgument)
        #expect(thread.context.pointee.messagePage == fixture.slot(page).pointee.object + 0x1000)
        #expect(set(0, 0) == .ok)
        #expect(thread.context.pointee.messagePage == PhysicalAddress(0))
        // A thread may be in the middle of a transfer, so only its own core may change its page.
        let other = fixture.makeThread(core: 1)
        let form = ContextControl.setMessagePage.rawValue
        #expect(fixture.operate(.contextControl, other.slot, form: form, UInt64(page), 0).status == .wrongCore)
        fixture.stop(other)
        #expect(fixture.operate(.contextControl, other.slot, form: form, UInt64(page), 0).status == .ok)
    }
}
