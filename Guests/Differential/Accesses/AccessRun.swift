import GuestHardware
import GuestSupport

/// The instructions of one translation, in groups.
struct AccessRun {
    private let translation: Translation
    private var random = Random(seed: 10)
    private var state = State()
    private var digest: UInt64 = 0
    /// The number of instructions that were executed without an exception.
    private var count: UInt64 = 0

    init(_ translation: Translation) { self.translation = translation }

    mutating func performAll() {
        DeviceWindow.fill(&random)
        singles()
        pairs()
        multiples()
        lanes()
        replicas()
    }

    private mutating func report(_ group: StaticString) {
        write("accesses: ")
        write(translation.name)
        write(", ")
        write(group)
        write(", ")
        write(decimal: count)
        write(" ")
        write(decimal: digest)
        endLine()
        (count, digest) = (0, 0)
    }
}

// MARK: - The encodings

extension AccessRun {
    /// Tests accesses of one register: unscaled, post-indexed, unprivileged, pre-indexed, by an immediate, by a
    /// register.
    private mutating func singles() {
        for form in 0..<32 as Range<UInt32> {
            let (size, vector, operation) = (form >> 3, form >> 2 & 1, form & 3)
            guard let logSize = AccessRun.logSize(size, vector, operation) else { continue }
            let word = size << 30 | 7 << 27 | vector << 26 | operation << 22
            for mode in 0..<9 as Range<UInt32> where vector == 0 || mode != 2 {
                var access = Access(isLoad: operation & 1 != 0 || vector == 0 && operation != 0, logSize: logSize)
                access.registers = vector == 0 ? .general : .vector
                switch mode {
                case 0...3:
                    access.offset = .immediate(low: 12, bits: 9, scale: 0)
                    access.isPostIndexed = mode == 1
                    access.word = word | mode << 10
                case 4:
                    access.offset = .immediate(low: 10, bits: 6, scale: UInt32(logSize))
                    access.word = word | 1 << 24
                default:
                    // UXTW, LSL, SXTW, SXTX, each with or without a shift.
                    let extend = ([2, 3, 6, 7] as [4 of UInt32])[Int(mode - 5)]
                    access.offset = .register(signed: extend >= 6, isWord: extend & 1 == 0, shift: logSize)
                    access.word = word | 1 << 21 | extend << 13 | 2 << 10
                }
                perform(access, times: 3)
            }
        }
        report("single")
    }

    private static func logSize(_ size: UInt32, _ vector: UInt32, _ operation: UInt32) -> UInt64? {
        if operation < 2 { return UInt64(size) }
        if vector == 1 { return size == 0 ? 4 : nil }
        return size < (operation == 2 ? 3 : 2) ? UInt64(size) : nil
    }

    private mutating func pairs() {
        for form in 0..<48 as Range<UInt32> {
            let (size, vector, mode, load) = (form >> 4, form >> 3 & 1, form >> 1 & 3, form & 1)
            if vector == 0, size == 1, load == 0 || mode == 0 { continue }
            let logSize = vector == 1 ? 2 + UInt64(size) : size == 2 ? 3 : 2
            var access = Access(isLoad: load == 1, logSize: logSize)
            access.registers = vector == 0 ? .generalPair : .vectorPair
            access.offset = .immediate(low: 15, bits: 4, scale: UInt32(logSize))
            access.isPostIndexed = mode == 1
            access.word = size << 30 | 5 << 27 | vector << 26 | mode << 23 | load << 22
            perform(access, times: 4)
        }
        report("pair")
    }

    /// Tests multiple structures. Elements that are no structures have 8 bytes here, because the emulator accesses
    /// smaller ones in pieces of 8 bytes as well.
    private mutating func multiples() {
        for form in 0..<128 as Range<UInt32> {
            let (opcode, full, size, load) = (form >> 4, form >> 3 & 1, form >> 1 & 3, form & 1)
            // LD4, LD1 of four, LD3, LD1 of three, LD1, LD2, LD1 of two.
            let code = ([0, 2, 4, 6, 7, 8, 10, 10] as [8 of UInt32])[Int(opcode)]
            let areStructures = code & 3 == 0
            guard areStructures ? full == 1 || size != 3 : size == 3, size != 1 else { continue }
            structures(full << 30 | 0x0C00_0000 | load << 22 | code << 12 | size << 10, load, size)
        }
        report("structures")
    }

    private mutating func lanes() {
        for form in 0..<32 as Range<UInt32> {
            let (size, members, load) = (form & 3, form >> 2 & 3, form >> 4)
            guard size != 1 || members == 0 else { continue }
            for _ in 0..<3 {
                let lane = UInt32(random.next(below: 16 >> UInt64(size))) << size
                let field = size == 3 ? 1 : size == 2 ? 0 : lane & 3
                let select = size == 3 ? 0 : lane >> 2 & 1
                let opcode = min(size, 2) << 14 | (members >> 1) << 13 | (members & 1) << 21
                structures(
                    (lane >> 3) << 30 | 0x0D00_0000 | load << 22 | opcode | select << 12 | field << 10, load, size)
            }
        }
        report("lanes")
    }

    private mutating func replicas() {
        for form in 0..<32 as Range<UInt32> {
            let (size, members, full) = (form & 3, form >> 2 & 3, form >> 4)
            guard size != 1 || members == 0 else { continue }
            structures(
                full << 30 | 0x0D40_C000 | (members >> 1) << 13 | (members & 1) << 21 | size << 10, 1, size)
        }
        report("replicas")
    }

    /// Tests structures without write-back, with write-back by the number of bytes, and by a register.
    private mutating func structures(_ word: UInt32, _ load: UInt32, _ size: UInt32) {
        for mode in 0..<3 {
            var access = Access(isLoad: load == 1, logSize: UInt64(size))
            access.registers = .structures
            access.isPostIndexed = true
            switch mode {
            case 0: access.word = word
            case 1: access.word = word | 1 << 23 | 31 << 16
            default:
                access.word = word | 1 << 23
                access.offset = .step
            }
            perform(access, times: 1)
        }
    }
}

// MARK: - Performing

extension AccessRun {
    private mutating func perform(_ access: Access, times: Int) {
        for _ in 0..<times {
            let aimed = access.aim(&random, &state)
            let code = guest_code_buffer()
            guest_store32(code, aimed)
            guest_store32(code + 4, 0xD420_0000)  // brk #0
            guest_publish_code(code, 8)
            // EL1 with the stack pointer of EL0 or its own.
            let processorState: UInt64 = 0x3C4 + random.next(below: 2)
            translation.enable()
            let syndrome = state.execute(at: code + translation.codeOffset, processorState)
            guest_stop_translation()
            mix(UInt64(aimed))
            mix(syndrome)
            for word in 0..<96 { mix(state.words[word]) }
            DeviceWindow.read { mix(UInt64($0)) }
            // The exception is the breakpoint behind the instruction.
            if syndrome >> 26 == 0x3C { count += 1 }
        }
    }

    private mutating func mix(_ value: UInt64) {
        digest = (digest ^ value) &* 0x9E37_79B9_7F4A_7C15
        digest ^= digest >> 29
    }
}
