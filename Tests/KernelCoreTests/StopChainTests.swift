import ABI
import MachineModel
import Testing

@testable import KernelCore

/// Contexts that stop with their server, and contexts that are started again after a stop.
@Suite struct StopChainTests {
    /// A server dies while it serves the fault of a thread that serves a call: that thread stops, its supervisor is
    /// told, and its own caller goes on.
    @Test func oneInTheMiddleStopsForGood() {
        let bench = Bench()
        let pager = bench.makeThread(priority: 12)
        let middle = bench.makeThread(priority: 11, starts: false)
        bench.configure(middle, portal: bench.makePortal(to: pager))
        bench.start(middle)
        let client = bench.makeThread(priority: 10), portal = bench.makePortal(to: middle)
        let watcher = bench.create(.notification)
        bench.succeed(.contextControl, middle.slot, form: ContextControl.bindStopped.rawValue, UInt64(watcher), 4)
        bench.sleepRoot()
        bench.wait(pager)
        bench.wait(middle)
        bench.call(portal, by: client)
        #expect(bench.current() == middle.context)
        bench.enter { K.exit($0, middle.context, Message(1, 8)) }
        #expect(bench.current() == pager.context)
        bench.raiseRoot()
        bench.stop(pager)
        bench.settleAll()
        #expect(pager.state == .stopped && middle.state == .stopped && client.state == .ready)
        #expect(bench.answer(client.context).status == .dead)
        for tenant in [pager, middle] {
            let answer = bench.succeed(.contextControl, tenant.slot, form: ContextControl.status.rawValue)
            #expect(answer.words[0] == ContextStatus.stopped.rawValue)
        }
        #expect(bench.operate(.poll, watcher).tag == 4)
    }

    /// A stop that another core has asked for counts for what it was asked of: a context that lost its parts since, and
    /// was started again, goes on.
    @Test func aStopFromBeforeTheEndIsVoid() {
        let bench = Bench(cores: 2)
        let remote = bench.makeThread(core: 1), target = bench.makeThread(priority: 5)
        bench.succeed(
            .contextControl, target.slot, form: ContextControl.stop.rawValue, by: remote.context)
        bench.enter { K.forceStop($0, target.context) }
        #expect(bench.model.cores[0].pendingInterrupt != nil)
        bench.start(target)
        bench.settle(0)
        #expect(target.state == .ready)
    }

    /// Both are asked for before the context's core hears of either.
    @Test func theLastOfAStartAndAStopCounts() {
        let bench = Bench(cores: 2)
        let remote = bench.makeThread(core: 1), target = bench.makeThread(priority: 5, starts: false)
        for last in [ContextControl.stop, .start, .stop, .stop, .start, .start] {
            for form in [last == .stop ? ContextControl.start : .stop, last] {
                bench.succeed(.contextControl, target.slot, form: form.rawValue, by: remote.context)
            }
            bench.settle(0)
            #expect(target.state == (last == .stop ? .stopped : .ready))
        }
    }

    /// A virtual CPU keeps its number while it stays in its space, and leaves it with the space.
    @Test func aNumberIsOfOneSpace() {
        let bench = Bench()
        var machine = bench.makeVirtualCPU(affinity: 3, starts: false)
        let first = bench.object(machine.space, as: AddressSpace.self)
        bench.configure(machine)
        #expect(first.pointee.virtualCPUs[3] == machine.context)
        machine.space = bench.create(.addressSpace, 8)
        bench.configure(machine)
        #expect(first.pointee.virtualCPUs[3] == nil)
    }
}
