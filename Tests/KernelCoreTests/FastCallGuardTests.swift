import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// Calls and answers. For each condition of a fast path there is a case in which it alone fails; other cases take the
/// path.
@Suite struct FastCallGuardTests {
    /// A server that waits, and clients that run.
    private struct Parts {
        let fixture: Fixture
        let server: Tenant
        let client: Tenant
        let other: Tenant
        let portal: UInt32

        /// Lets the client run and the server wait, unless the server is to be busy.
        init(_ fixture: Fixture, isServerBusy: Bool = false, serverTime: Bool = true) {
            self.fixture = fixture
            server = fixture.makeThread(priority: 20, notified: true, passive: !serverTime, starts: serverTime)
            portal = fixture.makePortal(to: server)
            client = fixture.makeThread(priority: 10, notified: true)
            other = fixture.makeThread(priority: 8, notified: true)
            if isServerBusy { fixture.sleepRoot() } else { fixture.sleep(server) }
        }

        var tenants: [Tenant] { [server, client, other] }

        func call(_ words: [UInt64] = [1, 2, 3, 4, 5, 6], slot: UInt32? = nil, form: UInt32 = 0) -> Scene {
            Scene(
                fixture: fixture, tenants: tenants, caller: client, operation: .call,
                selector: Selector(slot: slot ?? portal, form: form), words: words)
        }

        /// Performs the answer of the server, which already serves the client.
        func answer(_ form: UInt32 = ReplyForm.reply | ReplyForm.wait, slot: UInt32 = 0) -> Scene {
            Scene(
                fixture: fixture, tenants: tenants, caller: server, operation: .replyWait,
                selector: Selector(slot: slot, form: form), words: [7, 8, 9, 10, 11, 12])
        }
    }

    // MARK: Calls

    @Test func aPlainCallIsTaken() {
        PathComparison { Parts($0).call() }.expect(isTaken: true)
        PathComparison { fixture in
            let parts = Parts(fixture)
            fixture.raiseRoot()
            let badged = fixture.badge(parts.portal, 77)
            fixture.sleepRoot()
            return parts.call(slot: badged)
        }.expect(isTaken: true)
    }

    @Test func aLongMessageIsNot() {
        PathComparison { fixture in
            let parts = Parts(fixture)
            fixture.raiseRoot()
            for (number, tenant) in [parts.server, parts.client].enumerated() {
                let page = fixture.giveMessagePage(tenant)
                for word in 0..<16 { page[word] = UInt64(100 * number + word) }
            }
            fixture.sleepRoot()
            return parts.call(form: MessageShape(length: 8).bits)
        }.expect(isTaken: false)
    }

    @Test func aCallWithoutTheRightIsNot() {
        PathComparison { fixture in
            let parts = Parts(fixture)
            fixture.raiseRoot()
            let read = fixture.derive(parts.portal, rights: .read)
            fixture.sleepRoot()
            return parts.call(slot: read)
        }.expect(isTaken: false, .noRights)
    }

    @Test func aPortalToNobodyIsNot() {
        PathComparison { fixture in
            let parts = Parts(fixture)
            fixture.raiseRoot()
            let portal = fixture.create(.portal)
            fixture.sleepRoot()
            return parts.call(slot: portal)
        }.expect(isTaken: false, .dead)
    }

    @Test func aServerOnAnotherCoreIsNot() {
        PathComparison(cores: 2) { fixture in
            let parts = Parts(fixture)
            fixture.raiseRoot()
            let far = fixture.makeThread(priority: 5, core: 1)
            fixture.settle(1)
            fixture.wait(far)
            let portal = fixture.makePortal(to: far)
            fixture.sleepRoot()
            var scene = parts.call(slot: portal)
            scene.tenants.append(far)
            return scene
        }.expect(isTaken: false, .wrongCore)
    }

    /// The server has been preempted, and is not in `replyWait`.
    @Test func aServerThatIsBusyIsNot() {
        PathComparison { fixture in
            let parts = Parts(fixture)
            fixture.raiseRoot()
            let portal = fixture.makePortal(to: parts.other)
            fixture.sleepRoot()
            return parts.call(slot: portal)
        }.expect(isTaken: false)
    }

    /// Each call is one level deeper, and the ninth is refused.
    @Test(arguments: [7, 8]) func theNinthOfAChainIsNot(depth: Int) {
        PathComparison { fixture in
            let threads = (0...depth + 1).map { fixture.makeThread(priority: UInt64(20 - $0)) }
            let portals = threads.map { fixture.makePortal(to: $0) }
            fixture.sleepRoot()
            for thread in threads.dropLast() { fixture.wait(thread) }
            // Only the last thread is awake. It calls, and the thread that it reaches calls the next one.
            var caller = threads[depth + 1]
            for number in 0..<depth {
                fixture.call(portals[number], by: caller)
                caller = threads[number]
            }
            return Scene(
                fixture: fixture, tenants: threads, caller: caller, operation: .call,
                selector: Selector(slot: portals[depth]))
        }.expect(isTaken: depth < 8)
    }

    @Test func aCallThatABitForbidsIsNot() {
        PathComparison { fixture in
            let parts = Parts(fixture)
            let client = parts.client
            fixture.succeed(
                .contextControl, client.slot, form: ContextControl.setAbortMask.rawValue, 2, by: client.context)
            fixture.raise(parts.client.notification, 2)
            return parts.call()
        }.expect(isTaken: false, .aborted)
    }

    /// A call of six words after an answered longer one carries no more than six.
    @Test func theShapeOfAnEarlierCallIsForgotten() {
        PathComparison { fixture in
            let parts = Parts(fixture)
            fixture.raiseRoot()
            for tenant in [parts.server, parts.client] { fixture.giveMessagePage(tenant) }
            fixture.sleepRoot()
            fixture.call(parts.portal, by: parts.client, shape: MessageShape(length: 8))
            fixture.replyAndWait(parts.server)
            return parts.call()
        }.expect(isTaken: true)
    }

    /// The answer to a call is treated as such, even if the caller faulted before.
    @Test func aCallAfterAFaultIsACall() {
        PathComparison { fixture in
            let parts = Parts(fixture)
            fixture.raiseRoot()
            fixture.stop(parts.client)
            fixture.configure(parts.client, portal: parts.portal)
            fixture.start(parts.client)
            fixture.sleepRoot()
            fixture.enter { K.exit($0, parts.client.context, Message(1)) }
            fixture.replyAndWait(parts.server)
            return parts.call()
        }.expect(isTaken: true)
    }

    // MARK: Answers

    /// Makes the `Parts` with the server at work for the client.
    private static func serve(_ fixture: Fixture) -> Parts {
        let parts = Parts(fixture)
        fixture.call(parts.portal, by: parts.client)
        return parts
    }

    @Test func aPlainAnswerIsTaken() {
        PathComparison { Self.serve($0).answer() }.expect(isTaken: true)
        // These bits are for exits alone, and have no meaning for a thread.
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
        PathComparison { fixture in
            let parts = Parts(fixture)
            fixture.raiseRoot()
            for (number, tenant) in [parts.server, parts.client].enumerated() {
                let page = fixture.giveMessagePage(tenant)
                for word in 0..<16 { page[word] = UInt64(100 * number + word) }
            }
            fixture.sleepRoot()
            fixture.call(parts.portal, by: parts.client)
            return parts.answer(slot: shape)
        }.expect(isTaken: false)
    }

    @Test func anAnswerToNobodyIsNot() {
        PathComparison { fixture in
            let parts = Parts(fixture, isServerBusy: true)
            return parts.answer()
        }.expect(isTaken: false)
    }

    @Test func anAnswerToOneThatIsToStopIsNot() {
        PathComparison { fixture in
            let parts = Self.serve(fixture)
            fixture.stop(parts.client, by: parts.server.context)
            return parts.answer()
        }.expect(isTaken: false)
    }

    /// The server has got its own time for bits that it has fetched since.
    @Test func anAnswerOnOwnTimeIsNot() {
        PathComparison { fixture in
            let parts = Self.serve(fixture)
            fixture.raise(parts.server.notification, 1)
            fixture.succeed(.poll, parts.server.notification, by: parts.server.context)
            let usesOwnTime = parts.server.context.pointee.usesOwnTime
            #expect(usesOwnTime)
            return parts.answer()
        }.expect(isTaken: false)
    }

    /// A server without time of its own takes no bits, so that only the bits prevent the fast path.
    @Test(arguments: [true, false]) func anAnswerWithBitsThereIsNot(hasTime: Bool) {
        PathComparison { fixture in
            let parts = Parts(fixture, isServerBusy: !hasTime, serverTime: hasTime)
            if !hasTime { fixture.makeWaiting(parts.server) }
            fixture.call(parts.portal, by: parts.client)
            // The bits are as if from another core that has not sent its message yet.
            fixture.object(parts.server.notification, as: KernelCore.Notification.self).pointee.bits.set(4)
            return parts.answer()
        }.expect(isTaken: false)
    }

    @Test func anAnswerWithACallerInTheQueueIsNot() {
        PathComparison { fixture in
            let parts = Self.serve(fixture)
            fixture.raiseRoot()
            let urgent = fixture.makeThread(priority: 25)
            fixture.sleepRoot()
            fixture.call(parts.portal, by: urgent, 1)
            let isHelped = fixture.current() == parts.server.context && !parts.server.context.pointee.usesOwnTime
            #expect(isHelped)
            var scene = parts.answer()
            scene.tenants.append(urgent)
            return scene
        }.expect(isTaken: false)
    }

    /// The end of a call may let time run that leads nowhere at the moment.
    @Test func anAnswerWhileTimeIsParkedIsNot() {
        PathComparison { fixture in
            let parts = Parts(fixture)
            fixture.raiseRoot()
            let stopped = fixture.makeThread(priority: 15, starts: false)
            let waiting = fixture.makeThread(priority: 24)
            let portal = fixture.makePortal(to: stopped)
            fixture.sleepRoot()
            fixture.call(portal, by: waiting)
            let count = fixture.core(0).pointee.parked.count
            #expect(count == 1)
            fixture.call(parts.portal, by: parts.client)
            var scene = parts.answer()
            scene.tenants += [stopped, waiting]
            return scene
        }.expect(isTaken: false)
    }
}
