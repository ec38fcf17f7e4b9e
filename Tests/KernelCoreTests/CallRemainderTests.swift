import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// The state that calls, answers and stops leave in contexts, beyond the answer itself.
@Suite struct CallRemainderTests {
    private let fixture = Fixture()

    /// A thread that faults to a pager, with pages for long messages.
    private func makeFaulting() -> (pager: Tenant, client: Tenant, portal: UInt32) {
        let pager = fixture.makeThread(priority: 20, notified: true)
        let portal = fixture.makePortal(to: pager)
        let client = fixture.makeThread(priority: 10, starts: false)
        fixture.configure(client, portal: portal)
        fixture.start(client)
        for (number, tenant) in [pager, client].enumerated() {
            let page = fixture.giveMessagePage(tenant)
            for word in 0..<64 { page[word] = UInt64(1000 * number + word) }
        }
        return (pager, client, portal)
    }

    private func fault(_ tenant: Tenant) { fixture.enter { K.exit($0, tenant.context, Message(1, 2, 3, 4, 5, 6)) } }

    /// A fault carries six words, also after a call that carried more, and both if its pager waits and if it is busy.
    @Test(arguments: [true, false]) func aFaultAfterALongCallIsShort(isWaiting: Bool) {
        let (pager, client, portal) = makeFaulting()
        fixture.sleep(pager)
        fixture.call(portal, by: client, shape: MessageShape(length: 10), 1)
        let page = fixture.messagePage(pager)
        #expect(page[9] == 1009)
        fixture.replyAndWait(pager)
        page[9] = 5
        if !isWaiting { fixture.raise(pager.notification) }
        if isWaiting {
            fault(client)
        } else {
            // The thread is less urgent than its pager, which runs as if the fault came from another thread's time.
            #expect(fixture.current() == pager.context)
            fixture.enter { K.exit($0, client.context, Message(1, 2, 3, 4, 5, 6)) }
            fixture.wait(pager)
        }
        #expect(fixture.current() == pager.context && page[9] == 5)
        let answer = fixture.answer(pager.context)
        #expect(answer.status == .ok && answer.words == [1, 2, 3, 4, 5, 6])
    }

    /// An answer to a fault carries no words, even if it claims a length.
    @Test func aLongAnswerToAFaultIsShort() {
        let (pager, client, _) = makeFaulting()
        fixture.sleep(pager)
        let before = (0..<31).map { client.context.pointee.frame.x[$0] }
        fault(client)
        fixture.messagePage(client)[9] = 5
        fixture.operate(
            pager.context, ABI.Operation.replyWait.rawValue,
            Selector(slot: MessageShape(length: 10).bits, form: ReplyForm.reply | ReplyForm.wait), [9, 9, 9])
        #expect(fixture.current() == client.context && fixture.messagePage(client)[9] == 5)
        #expect((0..<31).map { client.context.pointee.frame.x[$0] } == before)
    }

    /// The server may not give these answers, which leave its caller waiting.
    @Test(
        arguments: [
            (MessageShape(length: 7, lease: true).bits, ReplyForm.reply), (65, ReplyForm.reply),
            (3 << 8, ReplyForm.reply),
            (0, ReplyForm.reply | ReplyForm.leaveStopped),
        ] as [(UInt32, UInt32)]) func answersAreChecked(shape: UInt32, form: UInt32)
    {
        let (pager, client, portal) = makeFaulting()
        fixture.sleep(pager)
        fixture.call(portal, by: client)
        let answer = fixture.operate(pager.context, ABI.Operation.replyWait.rawValue, Selector(slot: shape, form: form))
        #expect(answer.status == .badArgument)
        #expect(client.state == .calling && fixture.current() == pager.context)
    }

    /// Only a thread's fault that is refused stops the thread. A call or a virtual CPU's exit does not.
    @Test(arguments: ["call", "fault", "exit"]) func refusing(kind: String) {
        let (pager, client, portal) = makeFaulting()
        let machine = fixture.makeVirtualCPU(priority: 5, portal: portal)
        fixture.sleep(pager)
        switch kind {
        case "call": fixture.call(portal, by: client)
        case "fault": fault(client)
        default:
            fixture.stop(client, by: client.context)
            fixture.exit(machine, Message(9))
        }
        fixture.replyAndWait(pager, extra: ReplyForm.refuse)
        let runs = kind == "exit" ? machine : client
        #expect(kind == "fault" ? client.state == .stopped : fixture.current() == runs.context)
        if kind == "call" { #expect(fixture.answer(client.context).status == .refused) }
        if kind == "fault" { #expect(client.context.pointee.running.load() == 0) }
    }

    /// The server answers the call after its own stop was requested.
    @Test func aStopInACallIsTakenBackByAStart() {
        let (pager, client, portal) = makeFaulting()
        fixture.sleep(pager)
        fixture.call(portal, by: client)
        fixture.stop(client, by: pager.context)
        fixture.start(client, by: pager.context)
        fixture.replyAndWait(pager)
        #expect(fixture.current() == client.context)
    }

    /// A context that stops gets the status of its wait. One that faulted finds its registers again instead.
    @Test(arguments: ["wait", "queue", "fault in the queue"]) func stoppingEndsTheWait(kind: String) {
        let (pager, client, portal) = makeFaulting()
        switch kind {
        case "wait":
            fixture.sleep(pager)
            fixture.wait(client)
        default:
            fixture.sleep(pager)
            fixture.raise(pager.notification)
            client.context.pointee.frame.x[0] = 77
            fixture.enter { core in
                // The pager works for the client, which it has preempted.
                if kind == "queue" {
                    client.context.pointee.frame.x[0] = ABI.Operation.call.rawValue
                    client.context.pointee.frame.x[1] = Selector(slot: portal).bits
                    K.operate(core, client.context)
                } else {
                    K.exit(core, client.context, Message(1))
                }
            }
        }
        fixture.raiseRoot()
        #expect(client.state == (kind == "wait" ? .waiting : .calling))
        fixture.stop(client)
        let expected = kind == "fault in the queue" ? 77 : Status.dead.rawValue
        #expect(client.state == .stopped && client.context.pointee.frame.x[0] == expected)
        #expect(pager.context.pointee.callers.head == nil)
        // The thread stops for good, and begins anew with a whole chain before it.
        fixture.start(client)
        fixture.sleepRoot()
        let (depth, stops) = (client.context.pointee.depth, client.context.pointee.stopsOnReply)
        #expect(depth == 0 && stops == 0)
    }

    /// Bits that come while a server is at work reach it at its next wait, and after that a caller is next.
    @Test func bitsAndCallersTakeTurns() {
        let (pager, client, portal) = makeFaulting()
        let second = fixture.makeThread(priority: 9)
        fixture.sleep(pager)
        fixture.raise(pager.notification, 1)
        // Both queue behind the bits.
        for tenant in [client, second] {
            fixture.enter { core in
                tenant.context.pointee.frame.x[0] = ABI.Operation.call.rawValue
                tenant.context.pointee.frame.x[1] = Selector(slot: portal).bits
                K.operate(core, tenant.context)
            }
        }
        fixture.raise(pager.notification, 2)
        fixture.wait(pager)
        let hears = { [fixture] (bits: UInt64) in
            let answer = fixture.answer(pager.context)
            return answer.status == .notified && answer.tag == bits && pager.context.pointee.caller == nil
        }
        #expect(hears(2))
        for (caller, bits) in [(client, 4), (second, 8)] as [(Tenant, UInt64)] {
            fixture.raise(pager.notification, bits)
            fixture.wait(pager)
            #expect(pager.context.pointee.caller == caller.context, "bits were heard last, so a caller is next")
            let usesOwnTime = pager.context.pointee.usesOwnTime
            #expect(usesOwnTime, "bits are still there")
            fixture.replyAndWait(pager)
            #expect(hears(bits))
        }
        fixture.raise(pager.notification, 16)
        fixture.wait(pager)
        #expect(hears(16), "no caller queues")
    }
}
