import ABI
import MachineModel
import Testing

@testable import KernelCore

/// Plays a script on the kernel and on the reference at once, and stops at the first difference.
struct InterruptRun {
    private let bench: Bench
    private let machine: Tenant
    private let sibling: Tenant
    private let monitor: Tenant
    private let remote: Tenant
    private var reference = ReferenceInterruptController()
    /// What the guest is handling, last taken last.
    private var handled: [Int] = []
    /// Timers that were due and were set anew before they were taken: what is in a list register may come once more.
    private var withdrawn: Set<Int> = []
    private(set) var difference: String?

    private var core: ModelCore { bench.model.cores[0] }

    /// Returns what differs, or nil.
    static func difference(_ steps: [InterruptStep], listRegisters: Int = 4) -> String? {
        var run = InterruptRun(listRegisters: listRegisters)
        for (place, step) in steps.enumerated() {
            run.play(step)
            if let difference = run.difference { return "step \(place), \(step): \(difference)" }
        }
        run.drain(lowersLines: true)
        return run.difference.map { "at the end: \($0)" }
    }

    init(listRegisters: Int) {
        bench = Bench(cores: 2, listRegisters: listRegisters)
        bench.checksInvariants = false
        remote = bench.makeThread(priority: 10, core: 1)
        monitor = bench.makeThread(priority: 9, notified: true)
        machine = bench.makeVirtualCPU(priority: 5)
        sibling = bench.makeVirtualCPU(priority: 7)
        bench.sleepRoot()
        bench.wait(monitor)
        bench.waitForInterrupt(sibling)
        control(.setEdge, 0, 0xFFFF)
        for number in InterruptScript.edgeInterrupts { edge(number) }
        for number in InterruptScript.all {
            control(.enable, UInt64(number >> 5), 1 << UInt64(number & 31))
            control(.setPriority, UInt64(number), 0xA0)
            reference.lines[number].isEnabled = true
            reference.lines[number].priority = 0xA0
        }
        control(.setForwarding, 0, 1)
        reference.isForwarding = true
    }

    private mutating func edge(_ number: Int) {
        reference.lines[number].isEdge = true
        let mask = reference.lines.indices.filter { $0 >> 5 == number >> 5 && reference.lines[$0].isEdge }
            .reduce(UInt64(0)) { $0 | 1 << UInt64($1 & 31) }
        control(.setEdge, UInt64(number >> 5), mask)
    }

    // MARK: What the outside does

    /// The monitor wakes, as it does for an exit, and writes the virtual CPU's interrupt state.
    private func control(_ form: VirtualInterruptControl, _ index: UInt64, _ value: UInt64) {
        bench.raise(monitor.notification)
        bench.succeed(.interruptControl, machine.slot, form: form.rawValue, index, value, by: monitor.context)
        bench.wait(monitor)
        settle()
    }

    private func controlRemotely(_ form: VirtualInterruptControl, _ index: UInt64, _ value: UInt64) {
        bench.succeed(.interruptControl, machine.slot, form: form.rawValue, index, value, by: remote.context)
        settle()
    }

    /// Interrupts come before the guest's next instruction.
    private func settle() { bench.settle(0) }

    private mutating func play(_ step: InterruptStep) {
        switch step {
        case .acknowledge: acknowledge()
        case .end: if let last = handled.last { end(last) }
        case .endOther(let place): if place < handled.count { end(handled[place]) }
        case .setLevel(let number, let isHigh):
            control(.setLevel, UInt64(number), isHigh ? 1 : 0)
            reference.setLevel(number, isHigh)
        case .pend(let number):
            control(.setPending, UInt64(number >> 5), 1 << UInt64(number & 31))
            reference.lines[number].isLatched = true
        case .clearPending(let number):
            control(.clearPending, UInt64(number >> 5), 1 << UInt64(number & 31))
            reference.lines[number].isLatched = false
        case .enable(let number, let isOn):
            control(isOn ? .enable : .disable, UInt64(number >> 5), 1 << UInt64(number & 31))
            reference.lines[number].isEnabled = isOn
        case .setPriority(let number, let value): setPriority(number, value)
        case .setForwarding(let isOn):
            control(.setForwarding, 0, isOn ? 1 : 0)
            reference.isForwarding = isOn
        case .pendFromOtherCore(let number):
            controlRemotely(.setPending, UInt64(number >> 5), 1 << UInt64(number & 31))
            reference.lines[number].isLatched = true
        default: playTime(step)
        }
        check()
    }

    private mutating func playTime(_ step: InterruptStep) {
        switch step {
        case .setTimer(let number, let delay) where runs: set(number, Ticks(bench.model.now.value + delay))
        case .stopTimer(let number) where runs: set(number, .never)
        case .advance(let ticks):
            bench.advance(ticks)
            settle()
        case .preempt: preempt()
        case .waitForInterrupt: waitForInterrupt()
        case .drain: drain(lowersLines: false)
        default: break
        }
    }

    // MARK: What the guest does

    private var runs: Bool { bench.current() == machine.context }

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
        core.end(UInt32(number))
        reference.end(number)
        handled.remove(at: handled.lastIndex(of: number)!)
        settle()
    }

    /// Priorities change while an interrupt rests; what happens otherwise is the implementation's choice (IHI 0069H, 4.8).
    private mutating func setPriority(_ number: Int, _ value: UInt8) {
        followTimers()
        let line = reference.lines[number]
        guard !line.isPending, !line.isActive, !InterruptScript.timers.contains(number) else { return }
        control(.setPriority, UInt64(number), UInt64(value))
        reference.lines[number].priority = value
    }

    private mutating func set(_ number: Int, _ deadline: Ticks) {
        if core.isTimerAsserted(UInt32(number)) { withdrawn.insert(number) }
        core.setTimer(UInt32(number), deadline)
        settle()
    }

    /// The timers' lines; only those of a virtual CPU that is loaded are in hardware.
    private mutating func followTimers() {
        for number in InterruptScript.timers {
            reference.lines[number].isHigh = core.isTimerAsserted(UInt32(number))
        }
    }

    private mutating func preempt() {
        bench.enter { K.wake($0, sibling.context) }
        guard bench.current() == sibling.context else { return difference = "the other virtual CPU does not run" }
        bench.model.advance(by: 20)
        settle()
        bench.waitForInterrupt(sibling)
        settle()
    }

    private mutating func waitForInterrupt() {
        guard runs else { return }
        bench.waitForInterrupt(machine)
        settle()
    }

    /// Whoever sleeps has nothing to do; whoever runs has its timers in hardware.
    private mutating func check() {
        guard difference == nil, !runs, machine.state == .waitingForInterrupt else { return }
        let waiting = reference.deliverable
        if !waiting.isEmpty { difference = "sleeps though \(waiting) can be taken" }
    }

    /// Handles what there is; in the end nothing may be left.
    private mutating func drain(lowersLines: Bool) {
        if lowersLines {
            for number in InterruptScript.levelInterrupts { play(.setLevel(number, false)) }
        }
        guard runs else { return }
        while let last = handled.last { end(last) }
        for _ in 0..<200 {
            acknowledge()
            guard difference == nil, let taken = handled.last else { return }
            if InterruptScript.timers.contains(taken) { core.setTimer(UInt32(taken), .never) }
            if reference.lines[taken].isHigh, !reference.lines[taken].isEdge, taken >= 32 {
                control(.setLevel, UInt64(taken), 0)
                reference.setLevel(taken, false)
            }
            end(taken)
        }
        difference = "interrupts do not end"
    }
}
