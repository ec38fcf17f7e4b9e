/// One of the two chips of a machine's flash bank: its command interface, without its contents.
///
/// The chip is 16 bits wide and has Intel's command set ("Intel/Sharp extended", JEP137 number 1), as QEMU's
/// `pflash_cfi01` has. It stores one word or a buffer of words, and erases blocks. Each operation has ended before the
/// chip's next access, so that the chip is always ready. Its blocks have no locks: it accepts the commands that lock
/// and unlock, and always reports an unlocked block, as QEMU does.
struct FlashChip {
    /// The values that a read returns.
    enum Output {
        case array, status, identification, query
    }

    /// An operation on the chip's contents, which a write has started.
    enum Action: Equatable {
        case none
        /// Program one word. Programming clears bits and sets none.
        case program(UInt64, UInt16)
        /// Program the first `count` words of the buffer, from a word of the chip on.
        case programBuffer(UInt64, count: Int)
        /// Erase the block of a word: all its bits become 1.
        case erase(UInt64)
    }

    /// The meaning of the next write.
    private enum Cycle {
        case command, word, eraseConfirmation, lockConfirmation, bufferCount, bufferData, bufferConfirmation
    }

    private(set) var output = Output.array
    private var cycle = Cycle.command
    private var status = Status.ready
    private(set) var buffer = InlineArray<32, UInt16>(repeating: 0xFFFF)
    /// The words that the guest announced for the buffer, those that have come, and the first one's place.
    private var announced = 0
    private var arrived = 0
    private var start: UInt64 = 0

    private enum Status {
        static let ready: UInt16 = 1 << 7
        static let eraseError: UInt16 = 1 << 5
        static let programError: UInt16 = 1 << 4
        /// Both errors together report commands in a wrong order.
        static let sequenceError = eraseError | programError
    }

    private enum Command {
        static let program: UInt8 = 0x40
        static let programAlternate: UInt8 = 0x10
        static let erase: UInt8 = 0x20
        static let clearStatus: UInt8 = 0x50
        static let lock: UInt8 = 0x60
        static let readStatus: UInt8 = 0x70
        static let readIdentification: UInt8 = 0x90
        static let query: UInt8 = 0x98
        static let programBuffer: UInt8 = 0xE8
        static let confirm: UInt8 = 0xD0
        static let lockBlock: UInt8 = 0x01
    }

    /// Returns the word that the chip's outputs show; nil if that is the word of its contents.
    func read(_ word: UInt64) -> UInt16? {
        switch output {
        case .array: nil
        case .status: status
        case .identification: FlashQuery.identification(word)
        case .query: FlashQuery.byte(word)
        }
    }

    /// Takes a write.
    ///
    /// - Returns: the operation that the caller must perform now. It then reports a failure by `noteProgramError`.
    mutating func write(_ word: UInt64, _ value: UInt16) -> Action {
        let command = UInt8(truncatingIfNeeded: value)
        switch cycle {
        case .command: return begin(command)
        case .word:
            cycle = .command
            return .program(word, value)
        case .eraseConfirmation:
            cycle = .command
            guard command == Command.confirm else { return refuse() }
            return .erase(word & ~(FlashGeometry.blockWords &- 1))
        case .lockConfirmation:
            cycle = .command
            return command == Command.confirm || command == Command.lockBlock ? .none : refuse()
        case .bufferCount: return announce(value)
        case .bufferData: return fill(word, value)
        case .bufferConfirmation:
            cycle = .command
            return command == Command.confirm ? .programBuffer(start, count: announced) : refuse()
        }
    }

    /// Records that the contents did not take what was programmed.
    mutating func noteProgramError() { status |= Status.programError }

    private mutating func begin(_ command: UInt8) -> Action {
        switch command {
        case Command.program, Command.programAlternate: expect(.word)
        case Command.erase: expect(.eraseConfirmation)
        case Command.lock: expect(.lockConfirmation)
        case Command.programBuffer: expect(.bufferCount)
        case Command.readStatus: output = .status
        // The outputs show what they showed before.
        case Command.clearStatus: status = Status.ready
        case Command.readIdentification: output = .identification
        case Command.query: output = .query
        // 0xFF asks for this. So do drivers that look for other chips, by 0xF0 and by commands that this one lacks.
        default: output = .array
        }
        return .none
    }

    private mutating func expect(_ next: Cycle) {
        cycle = next
        output = .status
    }

    private mutating func refuse() -> Action {
        status |= Status.sequenceError
        return .none
    }

    /// Takes the number of words for the buffer, which the guest gives less one.
    private mutating func announce(_ value: UInt16) -> Action {
        guard Int(value) < FlashGeometry.bufferCount else {
            cycle = .command
            return refuse()
        }
        (announced, arrived, cycle) = (Int(value) &+ 1, 0, .bufferData)
        for index in buffer.indices { buffer[index] = 0xFFFF }
        return .none
    }

    /// Takes a word for the buffer. The first one's place is the start, and all others lie behind it.
    private mutating func fill(_ word: UInt64, _ value: UInt16) -> Action {
        if arrived == 0 { start = word }
        let offset = word &- start
        guard offset < UInt64(announced) else {
            cycle = .command
            return refuse()
        }
        buffer[Int(offset)] = value
        arrived &+= 1
        if arrived == announced { cycle = .bufferConfirmation }
        return .none
    }
}
