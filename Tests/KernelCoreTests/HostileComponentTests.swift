import ABI
import HardwareModel
import TestSupport
import Testing

@testable import KernelCore

/// Components call every operation with every word, on a board that they may ruin for themselves only.
///
/// A trap of the kernel ends the test run. The test checks the invariants after each operation.
@Suite struct HostileComponentTests {
    @Test func randomOperationsNeitherTrapNorBreakInvariants() {
        var succeeded: Set<UInt64> = []
        for seed in TestLength.seeds(short: 8, long: 24) {
            var run = HostileRun(seed: seed)
            if let broken = run.play(steps: 400) ?? run.takeEverythingBack() {
                Issue.record("seed \(seed): \(broken)")
                return
            }
            succeeded.formUnion(run.succeeded)
        }
        // A fuzzer whose operations all fail at the first check would prove nothing.
        let provided: [ABI.Operation] = [
            .call, .replyWait, .signal, .poll, .copy, .create, .derive, .revoke, .map, .doorbell, .contextControl,
            .contextState, .notificationBind, .timer, .scheduleControl, .interruptControl, .system,
        ]
        for operation in provided { #expect(succeeded.contains(operation.rawValue), "\(operation) never succeeded") }
    }
}

/// One board and its hostile components.
struct HostileRun {
    private var generator: SeededGenerator
    private let fixture = Fixture(cores: 2, memory: 32 << 20)
    private var tenants: [Tenant] = []
    private var words = HostileWords()
    private var log: [String] = []
    private var messagePages: [PhysicalAddress] = []
    /// Operations that were done at least once.
    private(set) var succeeded: Set<UInt64> = []

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        fixture.checksInvariants = false
        fixture.usesFastPath = seed % 2 == 0
        for index in 0..<6 {
            tenants.append(
                fixture.makeThread(priority: 10 + UInt64(index % 3), core: index % 2, notified: index % 2 == 0))
        }
        for tenant in tenants { words.slots[.portal, default: []].append(fixture.makePortal(to: tenant)) }
        words.slots[.portal]?.append(fixture.create(.portal))
        for tenant in tenants.dropLast() { giveMessagePage(tenant) }
        for index in 0..<3 {
            tenants.append(
                fixture.makeVirtualCPU(
                    priority: 8, core: index % 2,
                    portal: index == 2 ? 0 : UInt32(fixture.makePortal(to: tenants[index])),
                    affinity: UInt64(index)))
        }
        for _ in 0..<2 { words.slots[.extent, default: []].append(fixture.create(.extent, 1 << 16, alignment: 4096)) }
        words.slots[.schedulingContext] = [fixture.create(.schedulingContext)]
        words.slots[.thread, default: []].append(fixture.create(.thread))
        words.slots[.virtualCPU, default: []].append(fixture.create(.virtualCPU))
        for tenant in tenants { words.add(tenant) }
        fixture.sleepRoot()
    }

    /// Gives the thread a page that it also sees, at the same address as all others see theirs.
    private mutating func giveMessagePage(_ tenant: Tenant) {
        let page = fixture.create(.extent, Page.size, alignment: Page.size)
        fixture.stop(tenant)
        fixture.succeed(
            .contextControl, tenant.slot, form: ContextControl.setMessagePage.rawValue, UInt64(page), 0)
        fixture.succeed(
            .map, InitialSlot.space, UInt64(page), UInt64(messagePages.count) << Page.shift, 0, Page.size, 3,
            UInt64(fixture.freeSlot()))
        fixture.start(tenant)
        messagePages.append(tenant.context.pointee.messagePage)
        words.slots[.extent, default: []].append(page)
    }

    /// Returns the broken invariant with the operations that led to it, or nil.
    mutating func play(steps: Int) -> String? {
        for _ in 0..<steps {
            for core in 0..<2 {
                step(core)
                if let broken = broken() { return broken }
            }
        }
        return nil
    }

    private func broken() -> String? {
        let broken = fixture.model.takeFaults().map { "\($0)" } + Invariants(fixture).broken()
        return broken.isEmpty ? nil : "\(broken) after\n" + log.suffix(8).joined(separator: "\n")
    }

    /// Lets root take back all memory, and returns a remainder of the components, or nil.
    mutating func takeEverythingBack() -> String? {
        fixture.enter { core in
            guard self.fixture.root.pointee.state != .ready else { return }
            self.fixture.root.pointee.state = .ready
            K.useOwnTime(core, self.fixture.root)
        }
        let region = fixture.object(fixture.region, as: Region.self)
        for _ in 0..<20_000 {
            while fixture.current() != fixture.root { fixture.advance(1000) }
            let answer = fixture.operate(.revoke, fixture.region)
            fixture.settleAll()
            if let broken = broken() { return "taking everything back: \(broken)" }
            if answer.status == .again { continue }
            guard answer.status == .ok else {
                return "taking everything back answers \(String(describing: answer.status))"
            }
            guard region.pointee.next == region.pointee.start else { return "memory was not given back" }
            let spaces = (0..<256).filter { fixture.model.kernelBoard.pointee.spaces[$0] != nil }
            return spaces.count == 1 && fixture.current(1) == nil ? nil : "something survived"
        }
        return "taking everything back does not end"
    }

    private func isAlive(_ tenant: Tenant) -> Bool {
        let slot = fixture.slot(tenant.slot)
        return !slot.pointee.isEmpty && slot.pointee.object == tenant.context.address
    }

    private mutating func step(_ index: Int) {
        if generator.chance(30) { scribble() }
        if generator.chance(20) { fixture.advance(UInt64(generator.below(3000))) }
        guard let context = fixture.current(index) else { return wakeSomebody(index) }
        log.append(
            "core \(index), context \(tenants.firstIndex { $0.context == context } ?? -1), \(context.pointee.state)")
        if context.pointee.isVirtualCPU { return stepGuest(index, context) }
        operate(index, context)
    }

    /// Wakes a context as an interrupt or root would.
    private mutating func wakeSomebody(_ index: Int) {
        log.append("core \(index) idles")
        let here = tenants.filter { isAlive($0) && $0.context.pointee.core.index == index }
        guard let tenant = here.randomElement(using: &generator) else { return }
        fixture.enter(index) { core in
            if tenant.context.pointee.isVirtualCPU { K.pend(core, tenant.context, 5) }
            if tenant.context.pointee.isConfigured { K.start(core, tenant.context) }
        }
        guard tenant.notification != 0, generator.chance(50),
            fixture.slot(tenant.notification).pointee.kind == .notification
        else { return }
        fixture.raise(tenant.notification, 1, core: index)
    }

    /// Writes random words into message pages, because tenants may do so at any time.
    private mutating func scribble() {
        guard let page = messagePages.randomElement(using: &generator) else { return }
        let memory = UnsafeMutablePointer<UInt64>(bitPattern: UInt(page.value))!
        for index in 0..<2 {
            memory[64 + 2 * index] = UInt64(words.anySlot(&generator)) | UInt64(generator.below(20)) << 32
            memory[65 + 2 * index] = generator.chance(60) ? 0 : generator.next()
        }
        memory[68] = words.freeSlot(&generator) | words.freeSlot(&generator) << 32
        memory[72] = generator.chance(90) ? generator.next() % 0x8000 : generator.next()
        memory[73] = generator.chance(90) ? generator.next() % 0x3000 : generator.next()
        memory[74] = generator.next() & 3
    }

    private mutating func stepGuest(_ index: Int, _ context: Ref<ExecutionContext>) {
        switch generator.below(4) {
        case 0: fixture.enter(index) { K.waitForInterrupt($0, context) }
        case 1: fixture.enter(index) { K.exit($0, context, Message(1, 2, 3, 4, 5, 6)) }
        case 2:
            let interrupt = fixture.model.cores[index].acknowledge()
            if interrupt != 1023 { fixture.model.cores[index].end(interrupt) }
            fixture.settle(index)
        default:
            context.pointee.frame.x[1] = Selector(slot: UInt32(generator.below(100))).bits
            let operation = UInt64(generator.below(20))
            fixture.enter(index) { K.hypercall($0, context, operation: operation) }
        }
    }

    private mutating func operate(_ index: Int, _ context: Ref<ExecutionContext>) {
        let request = words.request(&generator)
        context.pointee.frame.x[0] = request.operation
        context.pointee.frame.x[1] = request.selector.bits
        for place in 2...7 { context.pointee.frame.x[place] = request.words[place - 2] }
        log.append("  \(request)")
        fixture.perform(index, context)
        let status = Status(rawValue: context.pointee.frame.x[0] & 0xFF)
        log.append("  \(status.map { "\($0)" } ?? "?"), \(context.pointee.state)")
        if status == .ok { succeeded.insert(request.operation) }
    }
}
