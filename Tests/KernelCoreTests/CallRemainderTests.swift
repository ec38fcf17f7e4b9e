import ABI
import MachineModel
import Testing

@testable import KernelCore

/// The state that calls, answers and stops leave in contexts, beyond the answer itself.
@Suite struct CallRemainderTests {
    private let bench = Bench()

    /// A thread that faults to a pager, with pages for long messages.
    private func makeFaulting() -> (pager: Tenant, client: Tenant, portal: UInt32) {
        let pager = bench.makeThread(priority: 20, notified: true)
        let portal = bench.makePortal(to: pager)
        let client = bench.makeThread(priority: 10, starts: false)
        bench.configure(client, portal: portal)
        bench.start(client)
        for (number, tenant) in [pager, client].enumerated() {
            let page = bench.giveMessagePage(tenant)
            for word in 0..<64 { page[word] = UInt64(1000 * number + word) }
        }
        return (pager, client, portal)
    }

    private func fault(_ tenant: Tenant) { bench.enter { K.exit($0, tenant.context, Message(1, 2, 3, 4, 5, 6)) } }

    /// A fault carries six words, also after a call that carried more, and whether its pager waits or is busy.
    @Test(arguments: [true, false]) func aFaultAfterALongCallIsShort(isWaiting: Bool) {
        let (pager, client, portal) = makeFaulting()
        bench.sleep(pager)
        bench.call(portal, by: client, shape: MessageShape(length: 10), 1)
        let page = bench.messagePage(pager)
        #expect(page[9] == 1009)
        bench.replyAndWait(pager)
        page[9] = 5
        if !isWaiting { bench.raise(pager.notification) }
        if isWaiting {
            fault(client)
        } else {
            // Less urgent than its pager, which runs: as if the fault came from another's time.
            #expect(bench.current() == pager.context)
            bench.enter { K.exit($0, client.context, Message(1, 2, 3, 4, 5, 6)) }
            bench.wait(pager)
        }
        #expect(bench.current() == pager.context && page[9] == 5)
        let answer = bench.answer(pager.context)
        #expect(answer.status == .ok && answer.words == [1, 2, 3, 4, 5, 6])
    }

    /// An answer to a fault carries no words, however long it says that it is.
    @Test func aLongAnswerToAFaultIsShort() {
        let (pager, client, _) = makeFaulting()
        bench.sleep(pager)
        let before = (0..<31).map { client.context.pointee.frame.x[$0] }
        fault(client)
        bench.messagePage(client)[9] = 5
        bench.operate(
            pager.context, ABI.Operation.replyWait.rawValue,
            Selector(slot: MessageShape(length: 10).bits, form: ReplyForm.reply | ReplyForm.wait), [9, 9, 9])
        #expect(bench.current() == client.context && bench.messagePage(client)[9] == 5)
        #expect((0..<31).map { client.context.pointee.frame.x[$0] } == before)
    }

    /// Answers that a server may not give, and which leave its caller waiting.
    @Test(
        arguments: [
            (MessageShape(length: 7, lease: true).bits, ReplyForm.reply), (65, ReplyForm.reply),
            (3 << 8, ReplyForm.reply),
            (0, ReplyForm.reply | ReplyForm.leaveStopped),
        ] as [(UInt32, UInt32)]) func answersAreChecked(shape: UInt32, form: UInt32)
    {
        let (pager, client, portal) = makeFaulting()
        bench.sleep(pager)
        bench.call(portal, by: client)
        let answer = bench.operate(pager.context, ABI.Operation.replyWait.rawValue, Selector(slot: shape, form: form))
        #expect(answer.status == .badArgument)
        #expect(client.state == .calling && bench.current() == pager.context)
    }

    /// Only a thread's fault that is refused stops it: not its call, and not a virtual CPU's exit.
    @Test(arguments: ["call", "fault", "exit"]) func refusing(kind: String) {
        let (pager, client, portal) = makeFaulting()
        let machine = bench.makeVirtualCPU(priority: 5, portal: portal)
        bench.sleep(pager)
        switch kind {
        case "call": bench.call(portal, by: client)
        case "fault": fault(client)
        default:
            bench.stop(client, by: client.context)
            bench.exit(machine, Message(9))
        }
        bench.replyAndWait(pager, extra: ReplyForm.refuse)
        let runs = kind == "exit" ? machine : client
        #expect(kind == "fault" ? client.state == .stopped : bench.current() == runs.context)
        if kind == "call" { #expect(bench.answer(client.context).status == .refused) }
        if kind == "fault" { #expect(client.context.pointee.running.load() == 0) }
    }

    /// The answer to a call that its server may give after its own stop was asked for.
    @Test func aStopInACallIsTakenBackByAStart() {
        let (pager, client, portal) = makeFaulting()
        bench.sleep(pager)
        bench.call(portal, by: client)
        bench.stop(client, by: pager.context)
        bench.start(client, by: pager.context)
        bench.replyAndWait(pager)
        #expect(bench.current() == client.context)
    }

    /// A context that stops says what it was waiting for, except one that faulted: that finds its registers again.
    @Test(arguments: ["wait", "queue", "fault in the queue"]) func stoppingEndsTheWait(kind: String) {
        let (pager, client, portal) = makeFaulting()
        switch kind {
        case "wait":
            bench.sleep(pager)
            bench.wait(client)
        default:
            bench.sleep(pager)
            bench.raise(pager.notification)
            client.context.pointee.frame.x[0] = 77
            bench.enter { core in
                // On behalf of the client, which the pager has preempted.
                if kind == "queue" {
                    client.context.pointee.frame.x[0] = ABI.Operation.call.rawValue
                    client.context.pointee.frame.x[1] = Selector(slot: portal).bits
                    K.operate(core, client.context)
                } else {
                    K.exit(core, client.context, Message(1))
                }
            }
        }
        bench.raiseRoot()
        #expect(client.state == (kind == "wait" ? .waiting : .calling))
        bench.stop(client)
        let expected = kind == "fault in the queue" ? 77 : Status.dead.rawValue
        #expect(client.state == .stopped && client.context.pointee.frame.x[0] == expected)
        #expect(pager.context.pointee.callers.head == nil)
        // It stops for good, and begins anew with a whole chain before it.
        bench.start(client)
        bench.sleepRoot()
        let (depth, stops) = (client.context.pointee.depth, client.context.pointee.stopsOnReply)
        #expect(depth == 0 && stops == 0)
    }

    /// Bits that come while a server is at work are heard at its next wait, and then a caller is next.
    @Test func bitsAndCallersTakeTurns() {
        let (pager, client, portal) = makeFaulting()
        let second = bench.makeThread(priority: 9)
        bench.sleep(pager)
        bench.raise(pager.notification, 1)
        // Both queue behind the bits.
        for tenant in [client, second] {
            bench.enter { core in
                tenant.context.pointee.frame.x[0] = ABI.Operation.call.rawValue
                tenant.context.pointee.frame.x[1] = Selector(slot: portal).bits
                K.operate(core, tenant.context)
            }
        }
        bench.raise(pager.notification, 2)
        bench.wait(pager)
        let hears = { [bench] (bits: UInt64) in
            let answer = bench.answer(pager.context)
            return answer.status == .notified && answer.tag == bits && pager.context.pointee.caller == nil
        }
        #expect(hears(2))
        for (caller, bits) in [(client, 4), (second, 8)] as [(Tenant, UInt64)] {
            bench.raise(pager.notification, bits)
            bench.wait(pager)
            #expect(pager.context.pointee.caller == caller.context, "bits were heard last, so a caller is next")
            let usesOwnTime = pager.context.pointee.usesOwnTime
            #expect(usesOwnTime, "bits are still there")
            bench.replyAndWait(pager)
            #expect(hears(bits))
        }
        bench.raise(pager.notification, 16)
        bench.wait(pager)
        #expect(hears(16), "no caller queues")
    }
}
