import ABI
import HardwareModel
import Testing

@testable import KernelCore

// Changes of the virtual CPU's interrupts by one of its controllers, and the state that the kernel reports afterwards.

extension InterruptRun {
    /// Lets the controller write the virtual CPU's interrupt state.
    func control(_ form: VirtualInterruptControl, _ index: UInt64, _ value: UInt64) { ask(form, index, value) }

    @discardableResult
    private func ask(_ form: VirtualInterruptControl, _ index: UInt64, _ value: UInt64 = 0) -> Answer {
        let answer: Answer
        switch controller {
        case .root: answer = fixture.succeed(.interruptControl, machine.slot, form: form.rawValue, index, value)
        case .remote:
            answer = fixture.succeed(
                .interruptControl, machine.slot, form: form.rawValue, index, value, by: remote.context)
        case .exit where runs:
            fixture.exit(machine, Message(1))
            answer = fixture.succeed(
                .interruptControl, machine.slot, form: form.rawValue, index, value, by: server.context)
            fixture.replyAndWait(server)
        case .exit, .monitor:
            fixture.raise(monitor.notification)
            answer = fixture.succeed(
                .interruptControl, machine.slot, form: form.rawValue, index, value, by: monitor.context)
            fixture.wait(monitor)
        }
        settle()
        return answer
    }

    private func control(_ form: VirtualInterruptControl, bit number: Int) {
        control(form, UInt64(number >> 5), 1 << UInt64(number & 31))
    }

    /// Configures a virtual CPU after a reset, from everything that its monitor knows.
    func configure() {
        // Lines come first, because the rise of an edge-triggered one would make its interrupt pending.
        for number in InterruptScript.all where number >= 32 && reference.lines[number].isHigh {
            control(.setLevel, UInt64(number), 1)
        }
        for word in 0..<4 { control(.setEdge, UInt64(word), mask(of: word) { $0.isEdge }) }
        for number in InterruptScript.all {
            control(.setPriority, UInt64(number), UInt64(reference.lines[number].priority))
            if reference.lines[number].isEnabled { control(.enable, bit: number) }
        }
        control(.setForwarding, 0, reference.isForwarding ? 1 : 0)
    }

    mutating func playControl(_ step: InterruptStep) {
        switch step {
        case .setLevel(let number, let isHigh):
            control(.setLevel, UInt64(number), isHigh ? 1 : 0)
            reference.setLevel(number, isHigh)
        case .pend(let number):
            control(.setPending, bit: number)
            reference.lines[number].isLatched = true
        case .pendFromOtherCore(let number):
            let before = controller
            controller = .remote
            control(.setPending, bit: number)
            controller = before
            reference.lines[number].isLatched = true
        case .clearPending(let number): clearPending(number)
        case .enable(let number, let isOn):
            control(isOn ? .enable : .disable, bit: number)
            reference.lines[number].isEnabled = isOn
        case .setForwarding(let isOn):
            control(.setForwarding, 0, isOn ? 1 : 0)
            reference.isForwarding = isOn
        case .setPriority(let number, let value): setPriority(number, value)
        case .setActive(let number):
            // Only the list register knows the state of an interrupt that is in it.
            let isListed = guest.pointee.listed[number >> 5] >> UInt64(number & 31) & 1 != 0
            control(.setActive, bit: number)
            if !isListed { reference.lines[number].isActive = true }
        case .clearActive(let number):
            let isOutside = activeOutside.contains(number)
            control(.clearActive, bit: number)
            if isOutside { reference.lines[number].isActive = false }
        case .setEdge(let number, let isEdge): setEdge(number, isEdge)
        case .read(let word): read(word)
        default: break
        }
    }

    /// A clear from another core does not reach a list register.
    private mutating func clearPending(_ number: Int) {
        let isLatched = guest.pointee.latched[number >> 5] >> UInt64(number & 31) & 1 != 0
        let isHeld = isLatched && listRegisters.contains { $0.isPending && $0.interrupt == UInt32(number) }
        control(.clearPending, bit: number)
        reference.lines[number].isLatched = reference.lines[number].isLatched && controller == .remote && isHeld
    }

    /// Priorities change only while an interrupt rests, because the architecture leaves other cases to the
    /// implementation (IHI 0069H, 4.8).
    private mutating func setPriority(_ number: Int, _ value: UInt8) {
        followTimers()
        let line = reference.lines[number]
        guard !line.isPending, !line.isActive, !InterruptScript.timers.contains(number) else { return }
        control(.setPriority, UInt64(number), UInt64(value))
        reference.lines[number].priority = value
    }

    /// The same rule holds for triggers.
    private mutating func setEdge(_ number: Int, _ isEdge: Bool) {
        guard !reference.lines[number].isPending, !reference.lines[number].isActive else { return }
        reference.lines[number].isEdge = isEdge
        control(.setEdge, UInt64(number >> 5), mask(of: number >> 5) { $0.isEdge })
    }

    private mutating func read(_ word: Int) {
        // The list registers of another core cannot be read.
        let before = controller
        if controller == .remote { controller = .monitor }
        let words = ask(.readWord, UInt64(word)).words
        controller = before
        followTimers()
        let wanted = [
            mask(of: word) { $0.isEnabled }, mask(of: word) { $0.isPending },
            mask(of: word) { $0.isActive }, mask(of: word) { $0.isEdge },
        ]
        let found = Array(words[0..<4])
        if found != wanted { difference = "word \(word) reads as \(found), should as \(wanted)" }
    }
}

// MARK: - What the kernel knows

extension InterruptRun {
    var guest: Ref<VirtualCPU> { machine.guest }

    /// Returns the mask of one word of interrupts.
    private func mask(of word: Int, _ isSet: (ReferenceInterruptController.Line) -> Bool) -> UInt64 {
        (0..<32).reduce(0) { isSet(reference.lines[word * 32 + $1]) ? $0 | 1 << UInt64($1) : $0 }
    }

    /// The list registers in use, in hardware or as they were saved.
    var listRegisters: [ListRegister] {
        let isLoaded = core.kernelCore.pointee.loaded == machine.context
        return (0..<16).compactMap { index in
            guard guest.pointee.usedListRegisters[0] >> UInt64(index) & 1 != 0 else { return nil }
            return isLoaded
                ? core.run { ModelHardware.listRegister(index) }
                : ListRegister(bits: guest.pointee.savedListRegisters[index])
        }
    }

    /// The interrupts that are active and in no list register.
    var activeOutside: [Int] {
        (0..<4).flatMap { word in
            let active = guest.pointee.active[word].load()
            return active == 0 ? [] : (0..<32).filter { active >> UInt64($0) & 1 != 0 }.map { word * 32 + $0 }
        }
    }

    /// Checks that a sleeping virtual CPU has nothing to do, that a running one has its timers in hardware, and that
    /// each interrupt active in the reference is active in the kernel, in one place.
    mutating func check() {
        guard difference == nil else { return }
        let active = listRegisters.filter(\.isActive).map { Int($0.interrupt) } + activeOutside
        if active.sorted() != reference.active { return difference = "active are \(active), not \(reference.active)" }
        guard !runs, machine.state == .waitingForInterrupt else { return }
        let waiting = reference.deliverable
        if !waiting.isEmpty { difference = "sleeps though \(waiting) can be taken" }
    }
}
