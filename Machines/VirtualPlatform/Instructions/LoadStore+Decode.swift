// The decoder, with one function for each class of encodings (DDI 0487, C4.1.66). All other words yield nil:
// unallocated ones, prefetches, exclusive, ordered and atomic accesses, and those of extensions that machines do not
// have.

extension LoadStore {
    /// Decodes an instruction word. Nil if it is no load or store that a device can answer.
    public init?(_ word: UInt32) {
        let fields = LoadStoreFields(word: word)
        let decoded: LoadStore? =
            switch word {
            case _ where word & 0x3A00_0000 == 0x2800_0000: LoadStore.pair(fields)
            case _ where word & 0x3B00_0000 == 0x1800_0000: LoadStore.literal(fields)
            case _ where word & 0x3B00_0000 == 0x3900_0000: LoadStore.unsignedOffset(fields)
            case _ where word & 0x3B20_0000 == 0x3800_0000: LoadStore.signedOffset(fields)
            case _ where word & 0x3B20_0C00 == 0x3820_0800: LoadStore.registerOffset(fields)
            case _ where word & 0xBFBF_0000 == 0x0C00_0000: LoadStore.multipleStructures(fields, isIndexed: false)
            case _ where word & 0xBFA0_0000 == 0x0C80_0000: LoadStore.multipleStructures(fields, isIndexed: true)
            case _ where word & 0xBF9F_0000 == 0x0D00_0000: LoadStore.singleStructure(fields, isIndexed: false)
            case _ where word & 0xBF80_0000 == 0x0D80_0000: LoadStore.singleStructure(fields, isIndexed: true)
            default: nil
            }
        guard let decoded else { return nil }
        self = decoded
    }

    // MARK: Pairs

    private static func pair(_ fields: LoadStoreFields) -> LoadStore? {
        let size = fields.bits(30, 2)
        let mode = fields.bits(23, 2)
        let isLoad = fields.bit(22)
        let second = fields.bits(10, 5)
        guard size != 3 else { return nil }
        let signExtends = !fields.isVector && size == 1
        // Excludes STGP, of memory tagging, and a pair of signed words with a non-temporal hint.
        if signExtends, !isLoad || mode == 0 { return nil }
        let scale = fields.isVector ? 2 &+ size : size == 2 ? 3 : 2
        return LoadStore(
            isLoad: isLoad, base: fields.baseRegister, offset: .immediate(fields.signed(15, 7) &<< Int64(scale)),
            indexing: mode == 1 ? .postIndexed : mode == 3 ? .preIndexed : .offset,
            registers: fields.isVector
                ? .vector(first: fields.target, second: second)
                : .general(first: fields.target, second: second, signExtends: signExtends, isWide: size != 0),
            slots: 2, logSize: scale)
    }

    // MARK: Single registers

    private static func literal(_ fields: LoadStoreFields) -> LoadStore? {
        let size = fields.bits(30, 2)
        guard size != 3 else { return nil }
        let offset = Offset.immediate(fields.signed(5, 19) &<< 2)
        if fields.isVector {
            return LoadStore(
                isLoad: true, base: .programCounter, offset: offset, indexing: .offset,
                registers: .vector(first: fields.target, second: 0), slots: 1, logSize: 2 &+ size)
        }
        return LoadStore(
            isLoad: true, base: .programCounter, offset: offset, indexing: .offset,
            registers: .general(first: fields.target, second: 0, signExtends: size == 2, isWide: size != 0), slots: 1,
            logSize: size == 1 ? 3 : 2)
    }

    private static func unsignedOffset(_ fields: LoadStoreFields) -> LoadStore? {
        guard let access = SingleAccess(fields) else { return nil }
        return access.instruction(.immediate(Int64(fields.bits(10, 12)) &<< Int64(access.logSize)), .offset)
    }

    /// Decodes unscaled and unprivileged accesses, and those that write their base register back.
    private static func signedOffset(_ fields: LoadStoreFields) -> LoadStore? {
        guard let access = SingleAccess(fields) else { return nil }
        let mode = fields.bits(10, 2)
        // No instruction loads a vector register with the rights of EL0.
        if mode == 2, fields.isVector { return nil }
        return access.instruction(
            .immediate(fields.signed(12, 9)), mode == 1 ? .postIndexed : mode == 3 ? .preIndexed : .offset)
    }

    private static func registerOffset(_ fields: LoadStoreFields) -> LoadStore? {
        guard let access = SingleAccess(fields), fields.bit(14) else { return nil }
        let extend: Extension = fields.bit(13) ? .none : fields.bit(15) ? .signedWord : .unsignedWord
        return access.instruction(
            .register(fields.bits(16, 5), extension: extend, shift: fields.bit(12) ? UInt64(access.logSize) : 0),
            .offset)
    }

    // MARK: Structures

    private static func multipleStructures(_ fields: LoadStoreFields, isIndexed: Bool) -> LoadStore? {
        // The number of registers, and the number of members of a structure.
        let (slots, members): (Int, Int)
        switch fields.bits(12, 4) {
        case 0b0000: (slots, members) = (4, 4)
        case 0b0010: (slots, members) = (4, 1)
        case 0b0100: (slots, members) = (3, 3)
        case 0b0110: (slots, members) = (3, 1)
        case 0b0111: (slots, members) = (1, 1)
        case 0b1000: (slots, members) = (2, 2)
        case 0b1010: (slots, members) = (2, 1)
        default: return nil
        }
        let logSize = fields.bits(10, 2)
        let isFull = fields.bit(30)
        if logSize == 3, !isFull, members > 1 { return nil }
        let perSlot = (isFull ? 16 : 8) &>> Int(logSize)
        return structures(
            fields, isIndexed: isIndexed,
            members == 1 ? .sequential(perSlot: perSlot) : .interleaved(slots: members), logSize: logSize,
            count: slots &* perSlot)
    }

    private static func singleStructure(_ fields: LoadStoreFields, isIndexed: Bool) -> LoadStore? {
        let members = Int(fields.bits(13, 1) << 1 | fields.bits(21, 1)) &+ 1
        let size = fields.bits(10, 2)
        // Q, S and size are the lane of a byte; larger elements use the upper bits.
        let place = Int(fields.bits(30, 1) << 3 | fields.bits(12, 1) << 2 | size)
        switch fields.bits(14, 2) {
        case 0: return structures(fields, isIndexed: isIndexed, .lane(place), logSize: 0, count: members)
        case 1:
            guard size & 1 == 0 else { return nil }
            return structures(fields, isIndexed: isIndexed, .lane(place >> 1), logSize: 1, count: members)
        case 2:
            if size == 0 {
                return structures(fields, isIndexed: isIndexed, .lane(place >> 2), logSize: 2, count: members)
            }
            guard size == 1, !fields.bit(12) else { return nil }
            return structures(fields, isIndexed: isIndexed, .lane(place >> 3), logSize: 3, count: members)
        default:
            guard fields.bit(22), !fields.bit(12) else { return nil }
            return structures(
                fields, isIndexed: isIndexed, .replicated(width: fields.bit(30) ? 16 : 8), logSize: size,
                count: members)
        }
    }

    private static func structures(
        _ fields: LoadStoreFields, isIndexed: Bool, _ arrangement: Arrangement, logSize: UInt32, count: Int
    ) -> LoadStore {
        let index = fields.bits(16, 5)
        // Index register 31 stands for the number of bytes.
        let step: Offset =
            index == 31
            ? .immediate(Int64(count) &<< Int64(logSize)) : .register(index, extension: .none, shift: 0)
        return LoadStore(
            isLoad: fields.bit(22), base: fields.baseRegister, offset: isIndexed ? step : .immediate(0),
            indexing: isIndexed ? .postIndexed : .offset, registers: .consecutive(first: fields.target),
            arrangement: arrangement, elementSize: 1 << Int(logSize), elementCount: count)
    }

    /// Makes an instruction that moves one or two whole registers. A register of 16 bytes counts as two elements.
    fileprivate init(
        isLoad: Bool, base: Base, offset: Offset, indexing: Indexing, registers: Registers, slots: Int, logSize: UInt32
    ) {
        let perSlot = logSize == 4 ? 2 : 1
        self.init(
            isLoad: isLoad, base: base, offset: offset, indexing: indexing, registers: registers,
            arrangement: .sequential(perSlot: perSlot), elementSize: 1 << Int(min(logSize, 3)),
            elementCount: slots &* perSlot)
    }
}

/// The fields that the encodings of one register have in common: size (31, 30), V (26), opc (23, 22), Rn, Rt.
private struct SingleAccess {
    let fields: LoadStoreFields
    let isLoad: Bool
    let logSize: UInt32

    init?(_ fields: LoadStoreFields) {
        let size = fields.bits(30, 2)
        let operation = fields.bits(22, 2)
        if fields.isVector {
            guard operation < 2 || size == 0 else { return nil }
            logSize = operation < 2 ? size : 4
            isLoad = operation & 1 != 0
        } else {
            // Operation 2 of size 3 is a prefetch. A word is sign-extended only to 64 bits.
            guard operation < 2 || size < (operation == 2 ? 3 : 2) else { return nil }
            logSize = size
            isLoad = operation != 0
        }
        self.fields = fields
    }

    func instruction(_ offset: LoadStore.Offset, _ indexing: LoadStore.Indexing) -> LoadStore {
        let operation = fields.bits(22, 2)
        return LoadStore(
            isLoad: isLoad, base: fields.baseRegister, offset: offset, indexing: indexing,
            registers: fields.isVector
                ? .vector(first: fields.target, second: 0)
                : .general(
                    first: fields.target, second: 0, signExtends: operation >= 2,
                    isWide: operation == 2 || fields.bits(30, 2) == 3),
            slots: 1, logSize: logSize)
    }
}
