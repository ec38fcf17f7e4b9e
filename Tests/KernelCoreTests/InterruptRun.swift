import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// Plays a script on the kernel and on the reference at once, and stops at the first difference.
struct InterruptRun {
    let fixture: Fixture
    let machine: Tenant
    private let sibling: Tenant
    let monitor: Tenant
    /// The server of the machine's exits.
    let server: Tenant
    let remote: Tenant
    var reference = ReferenceInterruptController()
    var controller = InterruptStep.Controller.monitor
    /// The interrupts that the guest is handling. The last one taken comes last.
    var handled: [Int] = []
    /// An interrupt that the guest has ended, but not yet deactivated.
    var dropped: [Int] = []
    var separatesEnd = false
    /// The timers that were due and were set anew before they were taken. One in a list register may come once more.
    private var withdrawn: Set<Int> = []
    var difference: String?

    var core: ModelCore { fixture.model.cores[0] }

    /// Returns the difference, or nil.
    static func difference(_ steps: [InterruptStep], listRegisters: Int = 4) -> String? {
        var run = InterruptRun(listRegisters: listRegisters)
        for (place, step) in steps.enumerated() {
            run.play(step)
            if let difference = run.difference { return "step \(place), \(step): \(difference)" }
        }
        run.finish()
        return run.difference.map { "at the end: \($0)" }
    }

    init(listRegisters: Int) {
        fixture = Fixture(cores: 2, listRegisters: listRegisters)
        fixture.checksInvariants = false
        remote = fixture.makeThread(priority: 10, core: 1)
        monitor = fixture.makeThread(priority: 9, notified: true)
        server = fixture.makeThread(priority: 8)
        machine = fixture.makeVirtualCPU(priority: 5, portal: fixture.makePortal(to: server))
        sibling = fixture.makeVirtualCPU(priority: 7)
        reference.numbers = InterruptScript.all.sorted()
        for number in InterruptScript.edgeInterrupts { reference.lines[number].isEdge = true }
        for number in InterruptScript.all {
            reference.lines[number].isEnabled = true
            reference.lines[number].priority = 0xA0
        }
        reference.isForwarding = true
        controller = .root
        configure()
        controller = .monitor
        fixture.sleepRoot()
        fixture.wait(monitor)
        fixture.wait(server)
        fixture.waitForInterrupt(sibling)
        settle()
    }

    // MARK: Steps of the outside

    mutating func play(_ step: InterruptStep) {
        switch step {
        case .acknowledge: acknowledge()
        case .end: if let last = handled.last { end(last) }
        case .endOther(let place): if place < handled.count { end(handled[place]) }
        case .deactivate(let place): if place < dropped.count { deactivate(dropped[place]) }
        case .controller(let controller): self.controller = controller
        case .setMask(let mask) where runs:
            core.setPriorityMask(mask)
            reference.priorityMask = mask
        case .setSeparatesEnd(let isOn) where runs && handled.isEmpty && dropped.isEmpty:
            core.setSeparatesEnd(isOn)
            separatesEnd = isOn
        case .setTimer(let number, let delay) where runs: set(number, Ticks(fixture.model.now.value + delay))
        case .stopTimer(let number) where runs: set(number, .never)
        case .advance(let ticks):
            fixture.advance(ticks)
            settle()
        case .preempt: preempt()
        case .waitForInterrupt: waitForInterrupt()
        case .reset: reset()
        case .drain: drain(lowersLines: false)
        default: playControl(step)
        }
        check()
    }

    /// Interrupts come before the guest's next instruction.
    func settle() { fixture.settle(0) }

    // MARK: Steps of the guest

    var runs: Bool { fixture.current() == machine.context }

    private mutating func acknowledge() {
        guard runs else { return }
        followTimers()
        let offered = core.acknowledge()
        if let timer = withdrawn.remove(Int(offered)) { reference.lines[timer].isLatched = true }
        if let wrong = reference.acknowledge(offered) {
            difference = wrong
        } else if offered != 1023 {
            handled.append(Int(offered))
        }
        settle()
    }

    private mutating func end(_ number: Int) {
        guard runs else { return }
        let ended = separatesEnd ? nil : deactivated(by: number)
        core.end(UInt32(number))
        reference.drop()
        if let ended { reference.deactivate(ended) }
        handled.remove(at: handled.lastIndex(of: number)!)
        if separatesEnd { dropped.append(number) } else if ended == nil { forgetLostEnds() }
        settle()
    }

    private mutating func deactivate(_ number: Int) {
        guard runs else { return }
        let ended = deactivated(by: number)
        core.deactivate(UInt32(number))
        if let ended { reference.deactivate(ended) }
        dropped.remove(at: dropped.lastIndex(of: number)!)
        if ended == nil { forgetLostEnds() }
        settle()
    }

    /// Returns the interrupt of an end. Hardware counts the ends of interrupts without a list register, but does not
    /// name them: the kernel takes the most urgent active one.
    private func deactivated(by number: Int) -> Int? {
        let isListed = listRegisters.contains { $0.isActive && $0.interrupt == UInt32(number) }
        if isListed { return number }
        return activeOutside.min {
            (reference.lines[$0].priority, $0) < (reference.lines[$1].priority, $1)
        }
    }

    /// Handles ends of interrupts that were no longer active. The kernel learns of them at its next look, which is now.
    private func forgetLostEnds() { fixture.enter { K.maintain($0) } }

    private mutating func set(_ number: Int, _ deadline: Ticks) {
        if core.isTimerAsserted(UInt32(number)) { withdrawn.insert(number) }
        core.setTimer(UInt32(number), deadline)
        settle()
    }

    /// The timers' lines, which only a loaded virtual CPU has in hardware.
    mutating func followTimers() {
        let isLoaded = core.kernelCore.pointee.loaded == machine.context
        for number in InterruptScript.timers {
            let deadline = core.run { ModelHardware.timerDeadline(guest, UInt32(number)) }
            reference.lines[number].isHigh =
                isLoaded ? core.isTimerAsserted(UInt32(number)) : deadline <= fixture.model.now
        }
    }

    private mutating func preempt() {
        fixture.enter { K.wake($0, sibling.context) }
        guard fixture.current() == sibling.context else { return difference = "the other virtual CPU does not run" }
        fixture.model.advance(by: 20)
        settle()
        fixture.waitForInterrupt(sibling)
        settle()
    }

    private mutating func waitForInterrupt() {
        guard runs else { return }
        fixture.waitForInterrupt(machine)
        settle()
    }

    private mutating func reset() {
        fixture.raise(monitor.notification)
        fixture.stop(machine, by: monitor.context)
        fixture.succeed(.contextState, machine.slot, form: ContextState.reset.rawValue, by: monitor.context)
        fixture.wait(monitor)
        reference.reset()
        handled = []
        dropped = []
        withdrawn = []
        separatesEnd = false
        configure()
        fixture.raise(monitor.notification)
        fixture.start(machine, by: monitor.context)
        fixture.wait(monitor)
        settle()
    }

    /// Handles all interrupts, after which none may be left.
    private mutating func drain(lowersLines: Bool) {
        if lowersLines {
            for number in InterruptScript.levelInterrupts + InterruptScript.edgeInterrupts {
                play(.setLevel(number, false))
            }
        }
        guard runs else { return }
        finishHandling()
        for _ in 0..<200 {
            acknowledge()
            guard difference == nil, let taken = handled.last else { return }
            if InterruptScript.timers.contains(taken) { core.setTimer(UInt32(taken), .never) }
            let line = reference.lines[taken]
            if line.isHigh, !line.isEdge, taken >= 32 { play(.setLevel(taken, false)) }
            finishHandling()
        }
        difference = "interrupts do not end"
    }

    private mutating func finishHandling() {
        while let last = handled.last, runs { end(last) }
        while let last = dropped.last, runs { deactivate(last) }
    }

    /// Expects that nothing is left, and that new interrupts come as at the beginning.
    private mutating func finish() {
        play(.setMask(0xFF))
        for number in reference.active { play(.clearActive(number)) }
        handled = handled.filter { reference.lines[$0].isActive }
        drain(lowersLines: true)
        check()
    }
}
