@testable import VirtualPlatform

/// The encodings of loads and stores that a device can answer, one row for each, as in the manual's pages of
/// instructions. They are the reference for the decoder, which works by classes instead.
struct LoadStoreRow {
    let name: String
    /// 32 characters, bit 31 first: 0, 1, or the letter of a field.
    let pattern: String
    private let letters: [UInt8]
    let mask: UInt32
    let value: UInt32
    let expected: (Fields) -> LoadStore

    init(_ name: String, _ pattern: String, _ expected: @escaping (Fields) -> LoadStore) {
        let pattern = pattern.filter { $0 != " " }
        precondition(pattern.count == 32, "\(name): \(pattern.count)")
        self.name = name
        self.pattern = pattern
        letters = Array(pattern.utf8)
        self.expected = expected
        mask = pattern.reduce(0) { $0 << 1 | ($1 == "0" || $1 == "1" ? 1 : 0) }
        value = pattern.reduce(0) { $0 << 1 | ($1 == "1" ? 1 : 0) }
    }

    func matches(_ word: UInt32) -> Bool { word & mask == value }

    /// The fields of a word by their letters.
    struct Fields {
        let word: UInt32
        let pattern: [UInt8]

        func callAsFunction(_ letter: Unicode.Scalar) -> UInt32 { field(UInt8(ascii: letter)).value }

        func signed(_ letter: Unicode.Scalar) -> Int64 {
            let (value, count) = field(UInt8(ascii: letter))
            return value >> (count - 1) == 0 ? Int64(value) : Int64(value) - 1 << Int64(count)
        }

        private func field(_ letter: UInt8) -> (value: UInt32, count: UInt32) {
            var (value, count): (UInt32, UInt32) = (0, 0)
            for place in 0..<32 where pattern[place] == letter {
                value = value << 1 | word >> UInt32(31 - place) & 1
                count += 1
            }
            return (value, count)
        }
    }

    func meaning(of word: UInt32) -> LoadStore { expected(Fields(word: word, pattern: letters)) }

    nonisolated(unsafe) static let all = singles + literals + pairs + multiples + lanes + replicas
}

// MARK: - One register

extension LoadStoreRow {
    /// The mnemonic, bits 31 and 30, V, bits 23 and 22, the bytes, and the number of bits to which a load extends the
    /// sign.
    private typealias Form = (
        name: String, size: String, vector: String, operation: String, bytes: Int, sign: Int
    )
    private static let forms: [Form] = [
        ("strb", "00", "0", "00", 1, 0), ("ldrb", "00", "0", "01", 1, 0),
        ("ldrsb x", "00", "0", "10", 1, 64), ("ldrsb w", "00", "0", "11", 1, 32),
        ("strh", "01", "0", "00", 2, 0), ("ldrh", "01", "0", "01", 2, 0),
        ("ldrsh x", "01", "0", "10", 2, 64), ("ldrsh w", "01", "0", "11", 2, 32),
        ("str w", "10", "0", "00", 4, 0), ("ldr w", "10", "0", "01", 4, 0), ("ldrsw", "10", "0", "10", 4, 64),
        ("str x", "11", "0", "00", 8, 0), ("ldr x", "11", "0", "01", 8, 0),
        ("str b", "00", "1", "00", 1, 0), ("ldr b", "00", "1", "01", 1, 0),
        ("str h", "01", "1", "00", 2, 0), ("ldr h", "01", "1", "01", 2, 0),
        ("str s", "10", "1", "00", 4, 0), ("ldr s", "10", "1", "01", 4, 0),
        ("str d", "11", "1", "00", 8, 0), ("ldr d", "11", "1", "01", 8, 0),
        ("str q", "00", "1", "10", 16, 0), ("ldr q", "00", "1", "11", 16, 0),
    ]

    static var singles: [LoadStoreRow] {
        forms.flatMap { form -> [LoadStoreRow] in
            let (start, operation) = ("\(form.size) 111 \(form.vector) ", form.operation)
            func row(_ mode: String, _ pattern: String, _ indexing: LoadStore.Indexing) -> LoadStoreRow {
                LoadStoreRow("\(form.name) \(mode)", start + pattern) {
                    single(form, $0, .immediate($0.signed("i")), indexing)
                }
            }
            var rows = [
                row("unscaled", "00 \(operation) 0 iiiiiiiii 00 nnnnn ttttt", .offset),
                row("post", "00 \(operation) 0 iiiiiiiii 01 nnnnn ttttt", .postIndexed),
                row("pre", "00 \(operation) 0 iiiiiiiii 11 nnnnn ttttt", .preIndexed),
                LoadStoreRow("\(form.name) unsigned", start + "01 \(operation) iiiiiiiiiiii nnnnn ttttt") {
                    single(form, $0, .immediate(Int64($0("i")) * Int64(form.bytes)), .offset)
                },
            ]
            if form.vector == "0" {
                rows.append(row("unprivileged", "00 \(operation) 0 iiiiiiiii 10 nnnnn ttttt", .offset))
            }
            let extensions: [(String, LoadStore.Extension)] = [
                ("010", .unsignedWord), ("011", .none), ("110", .signedWord), ("111", .none),
            ]
            return rows
                + extensions.map { bits, kind in
                    LoadStoreRow(
                        "\(form.name) register \(bits)", start + "00 \(operation) 1 mmmmm \(bits) S 10 nnnnn ttttt"
                    ) {
                        let shift = $0("S") == 0 ? 0 : UInt64(form.bytes.trailingZeroBitCount)
                        return single(form, $0, .register($0("m"), extension: kind, shift: shift), .offset)
                    }
                }
        }
    }

    private static func single(
        _ form: Form, _ fields: Fields, _ offset: LoadStore.Offset, _ indexing: LoadStore.Indexing
    ) -> LoadStore {
        let registers: LoadStore.Registers =
            form.vector == "1"
            ? .vector(first: fields("t"), second: 0)
            : .general(
                first: fields("t"), second: 0, signExtends: form.sign != 0, isWide: form.sign == 64 || form.bytes == 8)
        return LoadStore(
            isLoad: form.name.hasPrefix("l"), base: .register(fields("n")), offset: offset, indexing: indexing,
            registers: registers, arrangement: .sequential(perSlot: form.bytes == 16 ? 2 : 1),
            elementSize: min(form.bytes, 8), elementCount: form.bytes == 16 ? 2 : 1)
    }

    static var literals: [LoadStoreRow] {
        [
            ("00", false, 4, false), ("01", false, 8, false), ("10", false, 4, true), ("00", true, 4, false),
            ("01", true, 8, false), ("10", true, 16, false),
        ].map { size, isVector, bytes, isSigned in
            let pattern = "\(size) 011 \(isVector ? 1 : 0) 00 iiiiiiiiiiiiiiiiiii ttttt"
            return LoadStoreRow("ldr literal \(size) \(isVector)", pattern) {
                LoadStore(
                    isLoad: true, base: .programCounter, offset: .immediate(4 * $0.signed("i")), indexing: .offset,
                    registers: isVector
                        ? .vector(first: $0("t"), second: 0)
                        : .general(first: $0("t"), second: 0, signExtends: isSigned, isWide: isSigned || bytes == 8),
                    arrangement: .sequential(perSlot: bytes == 16 ? 2 : 1), elementSize: min(bytes, 8),
                    elementCount: bytes == 16 ? 2 : 1)
            }
        }
    }
}

// MARK: - Pairs

extension LoadStoreRow {
    static var pairs: [LoadStoreRow] {
        let forms: [(name: String, bits: String, bytes: Int, isVector: Bool, isSigned: Bool)] = [
            ("w", "00 101 0", 4, false, false), ("x", "10 101 0", 8, false, false), ("sw", "01 101 0", 4, false, true),
            ("s", "00 101 1", 4, true, false), ("d", "01 101 1", 8, true, false), ("q", "10 101 1", 16, true, false),
        ]
        let modes: [(name: String, bits: String, indexing: LoadStore.Indexing)] = [
            ("not temporal", "000", .offset), ("post", "001", .postIndexed), ("offset", "010", .offset),
            ("pre", "011", .preIndexed),
        ]
        var rows: [LoadStoreRow] = []
        for form in forms {
            for mode in modes {
                for isLoad in [false, true] where !form.isSigned || isLoad && mode.bits != "000" {
                    let pattern = "\(form.bits) \(mode.bits) \(isLoad ? 1 : 0) iiiiiii uuuuu nnnnn ttttt"
                    rows.append(
                        LoadStoreRow("\(isLoad ? "ldp" : "stp") \(form.name) \(mode.name)", pattern) { fields in
                            LoadStore(
                                isLoad: isLoad, base: .register(fields("n")),
                                offset: .immediate(fields.signed("i") * Int64(form.bytes)), indexing: mode.indexing,
                                registers: form.isVector
                                    ? .vector(first: fields("t"), second: fields("u"))
                                    : .general(
                                        first: fields("t"), second: fields("u"), signExtends: form.isSigned,
                                        isWide: form.isSigned || form.bytes == 8),
                                arrangement: .sequential(perSlot: form.bytes == 16 ? 2 : 1),
                                elementSize: min(form.bytes, 8), elementCount: form.bytes == 16 ? 4 : 2)
                        })
                }
            }
        }
        return rows
    }
}

// MARK: - Structures

extension LoadStoreRow {
    /// Returns a row without and two with write-back: by the size, or by a register.
    private static func structures(
        _ name: String, _ start: String, _ kind: String, _ end: String, isLoad: Bool, bytes: Int,
        _ arrangement: LoadStore.Arrangement, _ size: Int, _ count: Int
    ) -> [LoadStoreRow] {
        func row(
            _ mode: String, _ pattern: String, _ indexing: LoadStore.Indexing,
            _ offset: @escaping (Fields) -> LoadStore.Offset
        ) -> LoadStoreRow {
            LoadStoreRow("\(name) \(mode)", pattern) {
                LoadStore(
                    isLoad: isLoad, base: .register($0("n")), offset: offset($0), indexing: indexing,
                    registers: .consecutive(first: $0("t")), arrangement: arrangement, elementSize: size,
                    elementCount: count)
            }
        }
        let still = row("still", "\(start) 0 \(kind) 00000 \(end) nnnnn ttttt", .offset) { _ in .immediate(0) }
        let moving = (0..<32).map { number -> LoadStoreRow in
            let bits = String(number + 32, radix: 2).dropFirst()
            return row("post \(number)", "\(start) 1 \(kind) \(bits) \(end) nnnnn ttttt", .postIndexed) { _ in
                number == 31 ? .immediate(Int64(bytes)) : .register(UInt32(number), extension: .none, shift: 0)
            }
        }
        return [still] + moving
    }

    static var multiples: [LoadStoreRow] {
        // Each has the opcode, the number of registers, and true for structures.
        let forms: [(String, Int, Bool)] = [
            ("0000", 4, true), ("0010", 4, false), ("0100", 3, true), ("0110", 3, false), ("0111", 1, false),
            ("1000", 2, true), ("1010", 2, false),
        ]
        var rows: [LoadStoreRow] = []
        for (opcode, count, areStructures) in forms {
            for (isFull, size) in [false, true].flatMap({ isFull in (0..<4).map { (isFull, $0) } })
            where !areStructures || isFull || size != 3 {
                for isLoad in [false, true] {
                    let width = isFull ? 16 : 8
                    let sizeBits = ["00", "01", "10", "11"][size]
                    rows += structures(
                        "\(isLoad ? "ld" : "st") \(opcode) \(width) \(size)", "0 \(isFull ? 1 : 0) 001100",
                        "\(isLoad ? 1 : 0) 0", "\(opcode) \(sizeBits)", isLoad: isLoad, bytes: count * width,
                        areStructures ? .interleaved(slots: count) : .sequential(perSlot: width >> size), 1 << size,
                        count * width >> size)
                }
            }
        }
        return rows
    }

    static var lanes: [LoadStoreRow] {
        var rows: [LoadStoreRow] = []
        for count in 1...4 {
            for isLoad in [false, true] {
                for (size, lane) in (0..<4).flatMap({ size in (0..<16 >> size).map { (size, $0) } }) {
                    // Q, S and the size field, for a lane of bytes; larger ones leave out the lower bits.
                    let place = lane << size
                    let q = place >> 3 & 1
                    let s = size == 3 ? 0 : place >> 2 & 1
                    let field = [place & 3, place & 2, 0, 1][size]
                    let opcode = ["00", "01", "10", "10"][size]
                    rows += structures(
                        "\(isLoad ? "ld" : "st")\(count) lane \(lane) of \(1 << size)", "0 \(q) 001101",
                        "\(isLoad ? 1 : 0) \((count - 1) & 1)",
                        "\(opcode) \(count > 2 ? 1 : 0) \(s) \(field >> 1)\(field & 1)", isLoad: isLoad,
                        bytes: count << size, .lane(lane), 1 << size, count)
                }
            }
        }
        return rows
    }

    static var replicas: [LoadStoreRow] {
        (1...4).flatMap { count in
            (0..<8).flatMap { form -> [LoadStoreRow] in
                let (size, isFull) = (form & 3, form & 4 != 0)
                return structures(
                    "ld\(count)r \(size) \(isFull)", "0 \(isFull ? 1 : 0) 001101", "1 \((count - 1) & 1)",
                    "11 \(count > 2 ? 1 : 0) 0 \(size >> 1)\(size & 1)", isLoad: true, bytes: count << size,
                    .replicated(width: isFull ? 16 : 8), 1 << size, count)
            }
        }
    }
}
