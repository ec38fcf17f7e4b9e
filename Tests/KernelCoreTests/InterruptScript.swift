/// One event for the interrupts of a virtual CPU.
///
/// A step is self-contained, so that lists can be shortened: a step that makes no sense in a state does nothing.
enum InterruptStep: CustomStringConvertible {
    case acknowledge
    /// Ends the last acknowledged interrupt.
    case end
    /// Ends the n-th active interrupt.
    case endOther(Int)
    case setLevel(Int, Bool)
    case pend(Int)
    case clearPending(Int)
    case enable(Int, Bool)
    case setPriority(Int, UInt8)
    case setForwarding(Bool)
    case setActive(Int)
    case clearActive(Int)
    case setEdge(Int, Bool)
    /// Asks the kernel for the state of a word.
    case read(Int)
    /// Selects the controller that changes the virtual CPU's interrupts from now on.
    case controller(Controller)
    case pendFromOtherCore(Int)
    case setTimer(Int, delay: UInt64)
    case stopTimer(Int)
    case advance(UInt64)
    /// Writes ICC_PMR_EL1.
    case setMask(UInt8)
    /// Writes ICC_CTLR_EL1.EOImode, while the guest handles nothing.
    case setSeparatesEnd(Bool)
    /// Deactivates the n-th interrupt whose priority was dropped.
    case deactivate(Int)
    /// Stops the virtual CPU, resets it, configures it as before, and starts it.
    case reset
    /// Runs another virtual CPU for a while.
    case preempt
    case waitForInterrupt
    /// Takes and ends all interrupts that can be taken.
    case drain

    enum Controller: Int {
        /// A thread of the same core that a notification wakes.
        case monitor
        /// The server of the virtual CPU's exits, while the virtual CPU waits for the answer.
        case exit
        /// A thread of another core.
        case remote
        /// Root, before the start.
        case root
    }

    var description: String {
        switch self {
        case .acknowledge: ".acknowledge"
        case .end: ".end"
        case .endOther(let place): ".endOther(\(place))"
        case .setLevel(let number, let isHigh): ".setLevel(\(number), \(isHigh))"
        case .pend(let number): ".pend(\(number))"
        case .clearPending(let number): ".clearPending(\(number))"
        case .enable(let number, let isOn): ".enable(\(number), \(isOn))"
        case .setPriority(let number, let value): ".setPriority(\(number), \(value))"
        case .setForwarding(let isOn): ".setForwarding(\(isOn))"
        case .setActive(let number): ".setActive(\(number))"
        case .clearActive(let number): ".clearActive(\(number))"
        case .setEdge(let number, let isEdge): ".setEdge(\(number), \(isEdge))"
        case .read(let word): ".read(\(word))"
        case .controller(let controller): ".controller(.\(controller))"
        case .setMask(let mask): ".setMask(\(mask))"
        case .setSeparatesEnd(let isOn): ".setSeparatesEnd(\(isOn))"
        case .deactivate(let place): ".deactivate(\(place))"
        case .reset: ".reset"
        case .pendFromOtherCore(let number): ".pendFromOtherCore(\(number))"
        case .setTimer(let number, let delay): ".setTimer(\(number), delay: \(delay))"
        case .stopTimer(let number): ".stopTimer(\(number))"
        case .advance(let ticks): ".advance(\(ticks))"
        case .preempt: ".preempt"
        case .waitForInterrupt: ".waitForInterrupt"
        case .drain: ".drain"
        }
    }
}

/// Random scripts of a few interrupts of each kind, so that they meet often.
enum InterruptScript {
    static let softwareInterrupts = [0, 1, 5]
    static let timers = [27, 30]
    static let levelInterrupts = [33, 34, 40, 64, 100]
    static let edgeInterrupts = [48, 49, 127]
    static var pended: [Int] { softwareInterrupts + edgeInterrupts + levelInterrupts }
    static var all: [Int] { pended + timers }

    /// Returns a random script.
    ///
    /// - Parameter nests: true if the guest ends in any order and takes interrupts while it handles others.
    static func random(length: Int, nests: Bool, _ generator: inout SeededGenerator) -> [InterruptStep] {
        (0..<length).flatMap { _ in
            let next = step(nests, &generator)
            // A guest with nothing left to do sleeps. Otherwise something always keeps it awake.
            if case .drain = next { return [next, .waitForInterrupt] }
            return [next]
        }
    }

    private static func step(_ nests: Bool, _ generator: inout SeededGenerator) -> InterruptStep {
        func any(_ numbers: [Int]) -> Int { numbers[generator.below(numbers.count)] }
        switch generator.below(120) {
        case 0..<18: return .acknowledge
        case 18..<32: return .end
        case 32..<34: return nests ? .endOther(generator.below(6)) : .end
        case 34..<52: return .setLevel(any(levelInterrupts + edgeInterrupts), generator.chance(60))
        case 52..<66: return .pend(any(generator.chance(90) ? pended : timers))
        case 66..<69: return .clearPending(any(all))
        case 69..<75: return .enable(any(all), generator.chance(60))
        case 75..<79: return .setPriority(any(all), UInt8(generator.below(nests ? 31 : 4) * 8))
        case 79..<80: return .setForwarding(generator.chance(70))
        case 80..<84: return .pendFromOtherCore(any(pended))
        case 84..<88: return .setTimer(any(timers), delay: UInt64(generator.below(300)))
        case 88..<89: return .stopTimer(any(timers))
        case 89..<94: return .advance(UInt64(generator.below(200)))
        case 94..<96: return .preempt
        case 96: return .waitForInterrupt
        case 97..<100: return .drain
        default: return rareStep(&generator)
        }
    }

    private static func rareStep(_ generator: inout SeededGenerator) -> InterruptStep {
        func any(_ numbers: [Int]) -> Int { numbers[generator.below(numbers.count)] }
        switch generator.below(40) {
        case 0..<3: return .setActive(any(all))
        case 3..<9: return .clearActive(any(all))
        case 9..<11: return .setEdge(any(levelInterrupts + edgeInterrupts), generator.chance(50))
        case 11..<16: return .read(generator.below(4))
        case 16..<24: return .controller(InterruptStep.Controller(rawValue: generator.below(3))!)
        case 24..<26: return .setMask(UInt8(generator.below(32) * 8))
        case 26..<28: return .setMask(0xFF)
        case 28..<29: return .reset
        case 29..<31: return .setSeparatesEnd(generator.chance(50))
        default: return .deactivate(generator.below(4))
        }
    }
}
