import ABI
import Interleaving
import HardwareModel
import Testing

@testable import KernelCore

/// The kernel reads a sender's page once, so that another core that changes it meanwhile gains nothing.
@Suite struct InterleavingMessageTests {
    private let scenario = KernelScenario(cores: 2)
    private let sender: Tenant, receiver: Tenant
    private let sent: PhysicalAddress, received: PhysicalAddress

    init() {
        let fixture = scenario.fixture
        sender = fixture.makeThread(priority: 10)
        receiver = fixture.makeThread(priority: 20)
        fixture.giveMessagePage(sender)
        fixture.giveMessagePage(receiver)
        sent = sender.context.pointee.messagePage
        received = receiver.context.pointee.messagePage
        scenario.checksInvariants = false
    }

    /// The kernel uses the lease whose place in the space it has checked.
    @Test func aLeaseIsReadOnce() {
        let page = scenario.fixture.messagePage(sender)
        (page[72], page[73], page[74]) = (0x1000, 0x2000, 3)
        let context = sender.context, sent = sent
        scenario.body(0) { core in
            core.enter { _ in try? K.prepareShape(context, MessageShape(length: 0, lease: true)) }
        }
        scenario.body(1) { _ in
            ModelHardware.writeWord(sent + MessagePage.lease, AddressSpace.addressLimit - 0x1000)
            ModelHardware.writeWord(sent + (MessagePage.lease + 8), AddressSpace.addressLimit)
        }
        scenario.explore {
            let lease = context.pointee.lease
            // Nothing was lent if both words already belonged to an impossible lease.
            guard lease.size <= AddressSpace.addressLimit - lease.address.value else {
                return "a lease beyond the space"
            }
            return [0, 0x2000].contains(lease.size) ? nil : "a size that was not checked"
        }
    }

    /// The page may be revoked meanwhile. Its memory stays until this core has left the kernel.
    @Test func aPageIsLookedUpOnce() {
        let page = scenario.fixture.messagePage(sender)
        for index in 6..<8 { page[index] = 0x700 + UInt64(index) }
        let sender = sender.context, receiver = receiver.context, received = received
        scenario.body(0) { core in
            core.enter { _ in K.transferMore(sender, receiver, MessageShape(length: 8)) }
        }
        scenario.body(1) { _ in sender.pointee.messagePage = PhysicalAddress(0) }
        scenario.explore {
            let words = (6..<8).map { ModelHardware.readWord(received + $0 * 8) }
            let isThere = receiver.pointee.frame.x[0] >> ArrivalBits.lengthShift & 0x7F == 8
            return words == (isThere ? [0x706, 0x707] : [0, 0]) ? nil : "\(words)"
        }
    }
}
