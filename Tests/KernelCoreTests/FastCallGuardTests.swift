import ABI
import MachineModel
import Testing

@testable import KernelCore

/// Calls and answers: a case for each condition of a fast path in which that one alone fails, and cases that it takes.
@Suite struct FastCallGuardTests {
    /// A server that waits, and clients that run.
    private struct Parts {
        let bench: Bench
        let server: Tenant
        let client: Tenant
        let other: Tenant
        let portal: UInt32

        /// The client runs; the server waits unless it is to be busy.
        init(_ bench: Bench, isServerBusy: Bool = false, serverTime: Bool = true) {
            self.bench = bench
            server = bench.makeThread(priority: 20, notified: true, passive: !serverTime, starts: serverTime)
            portal = bench.makePortal(to: server)
            client = bench.makeThread(priority: 10, notified: true)
            other = bench.makeThread(priority: 8, notified: true)
            if isServerBusy { bench.sleepRoot() } else { bench.sleep(server) }
        }

        var tenants: [Tenant] { [server, client, other] }

        func call(_ words: [UInt64] = [1, 2, 3, 4, 5, 6], slot: UInt32? = nil, form: UInt32 = 0) -> Scene {
            Scene(
                bench: bench, tenants: tenants, caller: client, operation: .call,
                selector: Selector(slot: slot ?? portal, form: form), words: words)
        }

        /// The answer of the server, which serves the client already.
        func answer(_ form: UInt32 = ReplyForm.reply | ReplyForm.wait, slot: UInt32 = 0) -> Scene {
            Scene(
                bench: bench, tenants: tenants, caller: server, operation: .replyWait,
                selector: Selector(slot: slot, form: form), words: [7, 8, 9, 10, 11, 12])
        }
    }

    // MARK: Calls

    @Test func aPlainCallIsTaken() {
        PathComparison { Parts($0).call() }.expect(isTaken: true)
        PathComparison { bench in
            let parts = Parts(bench)
            bench.raiseRoot()
            let badged = bench.badge(parts.portal, 77)
            bench.sleepRoot()
            return parts.call(slot: badged)
        }.expect(isTaken: true)
    }

    @Test func aLongMessageIsNot() {
        PathComparison { bench in
            let parts = Parts(bench)
            bench.raiseRoot()
            for (number, tenant) in [parts.server, parts.client].enumerated() {
                let page = bench.giveMessagePage(tenant)
                for word in 0..<16 { page[word] = UInt64(100 * number + word) }
            }
            bench.sleepRoot()
            return parts.call(form: MessageShape(length: 8).bits)
        }.expect(isTaken: false)
    }

    @Test func aCallWithoutTheRightIsNot() {
        PathComparison { bench in
            let parts = Parts(bench)
            bench.raiseRoot()
            let read = bench.derive(parts.portal, rights: .read)
            bench.sleepRoot()
            return parts.call(slot: read)
        }.expect(isTaken: false, .noRights)
    }

    @Test func aPortalToNobodyIsNot() {
        PathComparison { bench in
            let parts = Parts(bench)
            bench.raiseRoot()
            let portal = bench.create(.portal)
            bench.sleepRoot()
            return parts.call(slot: portal)
        }.expect(isTaken: false, .dead)
    }

    @Test func aServerOnAnotherCoreIsNot() {
        PathComparison(cores: 2) { bench in
            let parts = Parts(bench)
            bench.raiseRoot()
            let far = bench.makeThread(priority: 5, core: 1)
            bench.settle(1)
            bench.wait(far)
            let portal = bench.makePortal(to: far)
            bench.sleepRoot()
            var scene = parts.call(slot: portal)
            scene.tenants.append(far)
            return scene
        }.expect(isTaken: false, .wrongCore)
    }

    /// It has been preempted, and is not in `replyWait`.
    @Test func aServerThatIsBusyIsNot() {
        PathComparison { bench in
            let parts = Parts(bench)
            bench.raiseRoot()
            let portal = bench.makePortal(to: parts.other)
            bench.sleepRoot()
            return parts.call(slot: portal)
        }.expect(isTaken: false)
    }

    /// Each call is one deeper; the ninth is refused.
    @Test(arguments: [7, 8]) func theNinthOfAChainIsNot(depth: Int) {
        PathComparison { bench in
            let threads = (0...depth + 1).map { bench.makeThread(priority: UInt64(20 - $0)) }
            let portals = threads.map { bench.makePortal(to: $0) }
            bench.sleepRoot()
            for thread in threads.dropLast() { bench.wait(thread) }
            // The last one, which alone is awake, calls; the one that it reaches calls the next.
            var caller = threads[depth + 1]
            for number in 0..<depth {
                bench.call(portals[number], by: caller)
                caller = threads[number]
            }
            return Scene(
                bench: bench, tenants: threads, caller: caller, operation: .call,
                selector: Selector(slot: portals[depth]))
        }.expect(isTaken: depth < 8)
    }

    @Test func aCallThatABitForbidsIsNot() {
        PathComparison { bench in
            let parts = Parts(bench)
            let client = parts.client
            bench.succeed(
                .contextControl, client.slot, form: ContextControl.setAbortMask.rawValue, 2, by: client.context)
            bench.raise(parts.client.notification, 2)
            return parts.call()
        }.expect(isTaken: false, .aborted)
    }

    /// A call of six words after a longer one that was answered carries no more than six.
    @Test func theShapeOfAnEarlierCallIsForgotten() {
        PathComparison { bench in
            let parts = Parts(bench)
            bench.raiseRoot()
            for tenant in [parts.server, parts.client] { bench.giveMessagePage(tenant) }
            bench.sleepRoot()
            bench.call(parts.portal, by: parts.client, shape: MessageShape(length: 8))
            bench.replyAndWait(parts.server)
            return parts.call()
        }.expect(isTaken: true)
    }

    /// An answer to a call is that of a call, also if the caller faulted before.
    @Test func aCallAfterAFaultIsACall() {
        PathComparison { bench in
            let parts = Parts(bench)
            bench.raiseRoot()
            bench.stop(parts.client)
            bench.configure(parts.client, portal: parts.portal)
            bench.start(parts.client)
            bench.sleepRoot()
            bench.enter { K.exit($0, parts.client.context, Message(1)) }
            bench.replyAndWait(parts.server)
            return parts.call()
        }.expect(isTaken: true)
    }

    // MARK: Answers

    /// The server of `Parts` at work for the client.
    private static func serve(_ bench: Bench) -> Parts {
        let parts = Parts(bench)
        bench.call(parts.portal, by: parts.client)
        return parts
    }

    @Test func aPlainAnswerIsTaken() {
        PathComparison { Self.serve($0).answer() }.expect(isTaken: true)
        // Bits for exits alone, which mean nothing to a thread.
        let form = ReplyForm.reply | ReplyForm.wait | ReplyForm.advance
        PathComparison { Self.serve($0).answer(form) }.expect(isTaken: true)
    }

    @Test(arguments: [
        ReplyForm.reply, ReplyForm.reply | ReplyForm.wait | ReplyForm.refuse,
        ReplyForm.reply | ReplyForm.wait | ReplyForm.leaveStopped, ReplyForm.reply | ReplyForm.wait | 1 << 31,
        ReplyForm.wait, 0,
    ]) func anAnswerOfAnotherFormIsNot(form: UInt32) {
        PathComparison { Self.serve($0).answer(form) }.expect(isTaken: false)
    }

    @Test(arguments: [MessageShape(length: 8).bits, 1 << 31, 1]) func aLongAnswerIsNot(shape: UInt32) {
        PathComparison { bench in
            let parts = Parts(bench)
            bench.raiseRoot()
            for (number, tenant) in [parts.server, parts.client].enumerated() {
                let page = bench.giveMessagePage(tenant)
                for word in 0..<16 { page[word] = UInt64(100 * number + word) }
            }
            bench.sleepRoot()
            bench.call(parts.portal, by: parts.client)
            return parts.answer(slot: shape)
        }.expect(isTaken: false)
    }

    @Test func anAnswerToNobodyIsNot() {
        PathComparison { bench in
            let parts = Parts(bench, isServerBusy: true)
            return parts.answer()
        }.expect(isTaken: false)
    }

    @Test func anAnswerToOneThatIsToStopIsNot() {
        PathComparison { bench in
            let parts = Self.serve(bench)
            bench.stop(parts.client, by: parts.server.context)
            return parts.answer()
        }.expect(isTaken: false)
    }

    /// The server has got its own time for bits that it polled away.
    @Test func anAnswerOnOwnTimeIsNot() {
        PathComparison { bench in
            let parts = Self.serve(bench)
            bench.raise(parts.server.notification, 1)
            bench.succeed(.poll, parts.server.notification, by: parts.server.context)
            let usesOwnTime = parts.server.context.pointee.usesOwnTime
            #expect(usesOwnTime)
            return parts.answer()
        }.expect(isTaken: false)
    }

    /// A server without time of its own takes no bits, so that they alone are in the way.
    @Test(arguments: [true, false]) func anAnswerWithBitsThereIsNot(hasTime: Bool) {
        PathComparison { bench in
            let parts = Parts(bench, isServerBusy: !hasTime, serverTime: hasTime)
            if !hasTime { bench.makeWaiting(parts.server) }
            bench.call(parts.portal, by: parts.client)
            // As another core does that has not told yet.
            bench.object(parts.server.notification, as: KernelCore.Notification.self).pointee.bits.set(4)
            return parts.answer()
        }.expect(isTaken: false)
    }

    @Test func anAnswerWithACallerInTheQueueIsNot() {
        PathComparison { bench in
            let parts = Self.serve(bench)
            bench.raiseRoot()
            let urgent = bench.makeThread(priority: 25)
            bench.sleepRoot()
            bench.call(parts.portal, by: urgent, 1)
            let isHelped = bench.current() == parts.server.context && !parts.server.context.pointee.usesOwnTime
            #expect(isHelped)
            var scene = parts.answer()
            scene.tenants.append(urgent)
            return scene
        }.expect(isTaken: false)
    }

    /// The end of a call may let time run that leads nowhere now.
    @Test func anAnswerWhileTimeIsParkedIsNot() {
        PathComparison { bench in
            let parts = Parts(bench)
            bench.raiseRoot()
            let stopped = bench.makeThread(priority: 15, starts: false)
            let waiting = bench.makeThread(priority: 24)
            let portal = bench.makePortal(to: stopped)
            bench.sleepRoot()
            bench.call(portal, by: waiting)
            let count = bench.core(0).pointee.parked.count
            #expect(count == 1)
            bench.call(parts.portal, by: parts.client)
            var scene = parts.answer()
            scene.tenants += [stopped, waiting]
            return scene
        }.expect(isTaken: false)
    }
}
