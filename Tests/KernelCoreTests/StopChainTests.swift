import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// Contexts that stop with their server, and contexts that are started again after a stop.
@Suite struct StopChainTests {
    /// A server dies while it serves the fault of a thread that serves a call. The thread stops, its supervisor is
    /// told, and its own caller goes on.
    @Test func oneInTheMiddleStopsForGood() {
        let fixture = Fixture()
        let pager = fixture.makeThread(priority: 12)
        let middle = fixture.makeThread(priority: 11, starts: false)
        fixture.configure(middle, portal: fixture.makePortal(to: pager))
        fixture.start(middle)
        let client = fixture.makeThread(priority: 10), portal = fixture.makePortal(to: middle)
        let watcher = fixture.create(.notification)
        fixture.succeed(.contextControl, middle.slot, form: ContextControl.bindStopped.rawValue, UInt64(watcher), 4)
        fixture.sleepRoot()
        fixture.wait(pager)
        fixture.wait(middle)
        fixture.call(portal, by: client)
        #expect(fixture.current() == middle.context)
        fixture.enter { K.exit($0, middle.context, Message(1, 8)) }
        #expect(fixture.current() == pager.context)
        fixture.raiseRoot()
        fixture.stop(pager)
        fixture.settleAll()
        #expect(pager.state == .stopped && middle.state == .stopped && client.state == .ready)
        #expect(fixture.answer(client.context).status == .dead)
        for tenant in [pager, middle] {
            let answer = fixture.succeed(.contextControl, tenant.slot, form: ContextControl.status.rawValue)
            #expect(answer.words[0] == ContextStatus.stopped.rawValue)
        }
        #expect(fixture.operate(.poll, watcher).tag == 4)
    }

    /// A stop that another core has requested counts for the life of that time. A context that lost its parts since,
    /// and was started again, goes on.
    @Test func aStopFromBeforeTheEndIsVoid() {
        let fixture = Fixture(cores: 2)
        let remote = fixture.makeThread(core: 1), target = fixture.makeThread(priority: 5)
        fixture.succeed(
            .contextControl, target.slot, form: ContextControl.stop.rawValue, by: remote.context)
        fixture.enter { K.forceStop($0, target.context) }
        #expect(fixture.model.cores[0].pendingInterrupt != nil)
        fixture.start(target)
        fixture.settle(0)
        #expect(target.state == .ready)
    }

    /// Both are requested before the context's core learns of either.
    @Test func theLastOfAStartAndAStopCounts() {
        let fixture = Fixture(cores: 2)
        let remote = fixture.makeThread(core: 1), target = fixture.makeThread(priority: 5, starts: false)
        for last in [ContextControl.stop, .start, .stop, .stop, .start, .start] {
            for form in [last == .stop ? ContextControl.start : .stop, last] {
                fixture.succeed(.contextControl, target.slot, form: form.rawValue, by: remote.context)
            }
            fixture.settle(0)
            #expect(target.state == (last == .stop ? .stopped : .ready))
        }
    }

    /// A virtual CPU keeps its number while it stays in its space, and leaves it with the space.
    @Test func aNumberIsOfOneSpace() {
        let fixture = Fixture()
        var machine = fixture.makeVirtualCPU(affinity: 3, starts: false)
        let first = fixture.object(machine.space, as: AddressSpace.self)
        fixture.configure(machine)
        #expect(first.pointee.virtualCPUs[3] == machine.context)
        machine.space = fixture.create(.addressSpace, 8)
        fixture.configure(machine)
        #expect(first.pointee.virtualCPUs[3] == nil)
    }
}
