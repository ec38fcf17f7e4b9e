/// One thing that happens to the interrupts of a virtual CPU.
///
/// A step is self-contained, so that lists can be shortened: one that makes no sense in a state does nothing.
enum InterruptStep: CustomStringConvertible {
    case acknowledge
    /// Ends the interrupt acknowledged last.
    case end
    /// Ends the n-th of those that are active.
    case endOther(Int)
    case setLevel(Int, Bool)
    case pend(Int)
    case clearPending(Int)
    case enable(Int, Bool)
    case setPriority(Int, UInt8)
    case setForwarding(Bool)
    case pendFromOtherCore(Int)
    case setTimer(Int, delay: UInt64)
    case stopTimer(Int)
    case advance(UInt64)
    /// Another virtual CPU runs for a while.
    case preempt
    case waitForInterrupt
    /// Takes and ends everything that can be taken.
    case drain

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

/// Random scripts: a few interrupts of each kind, so that they meet often.
enum InterruptScript {
    static let softwareInterrupts = [0, 1, 5]
    static let timers = [27, 30]
    static let levelInterrupts = [33, 34, 40, 64, 100]
    static let edgeInterrupts = [48, 49, 127]
    static var pended: [Int] { softwareInterrupts + edgeInterrupts + levelInterrupts }
    static var all: [Int] { pended + timers }

    /// - Parameter nests: the guest ends in any order and takes interrupts while it handles others.
    static func random(length: Int, nests: Bool, _ generator: inout SeededGenerator) -> [InterruptStep] {
        (0..<length).flatMap { _ in
            let next = step(nests, &generator)
            // With nothing left to do a guest sleeps; else there is always something that keeps it awake.
            if case .drain = next { return [next, .waitForInterrupt] }
            return [next]
        }
    }

    private static func step(_ nests: Bool, _ generator: inout SeededGenerator) -> InterruptStep {
        func any(_ numbers: [Int]) -> Int { numbers[generator.below(numbers.count)] }
        switch generator.below(100) {
        case 0..<18: return .acknowledge
        case 18..<32: return .end
        case 32..<34: return nests ? .endOther(generator.below(6)) : .end
        case 34..<52: return .setLevel(any(levelInterrupts + edgeInterrupts), generator.chance(60))
        case 52..<66: return .pend(any(pended))
        case 66..<69: return .clearPending(any(pended))
        case 69..<75: return .enable(any(all), generator.chance(60))
        case 75..<79: return .setPriority(any(all), UInt8(generator.below(nests ? 31 : 4) * 8))
        case 79..<80: return .setForwarding(generator.chance(70))
        case 80..<84: return .pendFromOtherCore(any(pended))
        case 84..<88: return .setTimer(any(timers), delay: UInt64(generator.below(300)))
        case 88..<89: return .stopTimer(any(timers))
        case 89..<94: return .advance(UInt64(generator.below(200)))
        case 94..<96: return .preempt
        case 96: return .waitForInterrupt
        default: return .drain
        }
    }
}
