import ABI
@_spi(Kernel) import Entente
import RuntimeSupport

// A component that calls every operation with every kind of wrong argument, in rounds, for ever. Argument 0 is the
// seed: the same seed makes the same calls in the same order.
//
// It spares only itself: it neither stops nor deletes its own thread, table, space and notification, because the attack
// would otherwise end.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let console = Console()
    var caller = HostileCaller(seed: Configuration.current.arguments[0])
    var round: UInt64 = 0
    while true {
        caller.tryEverything()
        round += 1
        console.beginLine()
        console.write("hostile component: round ")
        console.write(decimal: round)
        console.write(", ")
        console.write(decimal: caller.count)
        console.write(" operations, ")
        console.write(decimal: caller.succeeded)
        console.write(" done\n")
        console.flush()
    }
}

struct HostileCaller {
    private var random: UInt64
    private(set) var count: UInt64 = 0
    private(set) var succeeded: UInt64 = 0

    private static let tableSlots: UInt64 = 160
    /// The first of the slots that it may lose.
    private static let free: UInt64 = 64

    init(seed: UInt64) { random = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    /// Tries each operation in each form, with each kind of selector, and numbers that are no operations.
    mutating func tryEverything() {
        for operation in 0..<UInt64(20) {
            for form in 0..<UInt32(14) {
                for _ in 0..<12 { attempt(operation, form) }
            }
        }
        for _ in 0..<200 { attempt(next(), UInt32(truncatingIfNeeded: next())) }
        // These messages carry everything, in every shape.
        for bits in 0..<UInt32(0x800) where bits & 0x38 == 0 { attempt(Operation.call.rawValue, bits) }
    }

    private mutating func attempt(_ operation: UInt64, _ form: UInt32) {
        let slot = UInt32(truncatingIfNeeded: slot())
        let words = Words(word(), word(), word(), word(), word(), word())
        guard let operation = Operation(rawValue: operation) else {
            let back = entente_svc(
                operation, Selector(slot: slot, form: form).bits, words.w0, words.w1, words.w2, words.w3, words.w4,
                words.w5)
            return note(Answer(rawStatus: back.x0))
        }
        guard !isSuicide(operation, slot, form) else { return }
        if operation == .replyWait, form & ReplyForm.wait != 0 { beWoken() }
        note(invoke(operation, Selector(slot: slot, form: form), words))
    }

    private mutating func note(_ answer: Answer) {
        count += 1
        if answer.status == .ok || answer.status == .notified { succeeded += 1 }
    }

    /// It may have unbound its own notification, which is allowed.
    private func beWoken() {
        invoke(.notificationBind, Selector(slot: InitialSlot.notification), Words(UInt64(InitialSlot.thread)))
        setTimer(InitialSlot.notification, deadline: Clock.now &+ 1000, bits: 1)
    }

    private func isSuicide(_ operation: Operation, _ slot: UInt32, _ form: UInt32) -> Bool {
        switch operation {
        case .revoke: UInt64(slot) < HostileCaller.free
        case .contextControl:
            form == ContextControl.stop.rawValue || form == ContextControl.setMessagePage.rawValue && slot == 0
        default: false
        }
    }

    // MARK: Words

    /// Xorshift.
    private mutating func next() -> UInt64 {
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        return random
    }

    /// Returns a slot that it has, one that it may have filled, one beyond the table, or any number.
    private mutating func slot() -> UInt64 {
        switch next() % 8 {
        case 0...3: next() % 6
        case 4: UInt64(InitialSlot.firstAssigned)
        case 5: HostileCaller.free + next() % 96
        case 6: HostileCaller.tableSlots + next() % 4
        default: next()
        }
    }

    private mutating func word() -> UInt64 {
        switch next() % 12 {
        case 0: 0
        case 1: ~0
        case 2: 1 << (next() % 64)
        case 3: (1 << (next() % 64)) &- 1
        case 4, 5: slot()
        case 6: HostileCaller.free + next() % 96
        case 7: next() % 64 << 12
        case 8: ComponentLayout.image &+ (next() % 64) << 12
        case 9: next() & ~0xFFF
        default: next()
        }
    }
}
