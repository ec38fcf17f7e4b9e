import Testing

@testable import VirtualPlatform

/// Registers as bytes, with the bytes that were written to them.
private struct FakeRegisters: RegisterFile, Equatable {
    var x = [UInt64](repeating: 0, count: 31)
    var sp: UInt64 = 0
    var pc: UInt64 = 0
    var v = [[UInt8]](repeating: [UInt8](repeating: 0, count: 16), count: 32)

    init(_ generator: inout SeededGenerator) {
        for number in x.indices { x[number] = generator.next() }
        sp = generator.next()
        pc = generator.next()
        for number in v.indices { v[number] = (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) } }
    }

    func general(_ number: UInt32) -> UInt64 { x[Int(number)] }
    mutating func setGeneral(_ number: UInt32, _ value: UInt64) { x[Int(number)] = value }
    func stackPointer() -> UInt64 { sp }
    mutating func setStackPointer(_ value: UInt64) { sp = value }
    func programCounter() -> UInt64 { pc }
    func vector(_ register: UInt32, half: Int) -> UInt64 {
        (0..<8).reversed().reduce(0) { $0 << 8 | UInt64(v[Int(register)][8 * half + $1]) }
    }
    mutating func setVector(_ register: UInt32, half: Int, _ value: UInt64) {
        for byte in 0..<8 { v[Int(register)][8 * half + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte)) }
    }
}

/// A device that keeps bytes.
private struct ByteDevice: Equatable {
    static let base: UInt64 = 0x0900_0100
    var bytes: [UInt8]

    init(_ generator: inout SeededGenerator) {
        bytes = (0..<64).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    mutating func perform(_ access: MemoryAccess) -> UInt64? {
        let first = Int(access.address - Self.base)
        var value: UInt64 = 0
        for byte in 0..<Int(access.size) {
            if access.isWrite { bytes[first + byte] = UInt8(truncatingIfNeeded: access.value >> UInt64(8 * byte)) }
            value |= UInt64(bytes[first + byte]) << UInt64(8 * byte)
        }
        return access.isWrite ? 0 : value
    }
}

/// The manual's pseudocode, in bytes.
private enum Manual {
    /// Returns the register, and the byte in it, to which each byte of memory belongs.
    static func places(_ instruction: LoadStore) -> [(slot: Int, byte: Int)] {
        let size = instruction.elementSize
        var places: [(Int, Int)] = []
        func element(_ slot: Int, _ lane: Int) { for byte in 0..<size { places.append((slot, lane * size + byte)) } }
        switch instruction.arrangement {
        case .sequential(let perSlot):
            for slot in 0..<instruction.elementCount / perSlot { for lane in 0..<perSlot { element(slot, lane) } }
        case .interleaved(let slots):
            for lane in 0..<instruction.elementCount / slots { for slot in 0..<slots { element(slot, lane) } }
        case .lane(let lane): for slot in 0..<instruction.elementCount { element(slot, lane) }
        case .replicated: for slot in 0..<instruction.elementCount { element(slot, 0) }
        }
        return places
    }

    static func load(_ instruction: LoadStore, _ memory: [UInt8], _ registers: inout FakeRegisters) {
        let places = places(instruction)
        let old = registers
        let slots = Array(0..<instruction.slotCount)
        // If both registers of a pair are the same general register, the emulator keeps the first value.
        for slot in instruction.isVector ? slots : slots.reversed() {
            let number = Int(instruction.register(ofSlot: slot))
            var bytes = [UInt8](repeating: 0, count: 16)
            if case .lane = instruction.arrangement { bytes = old.v[number] }
            for (index, place) in places.enumerated() where place.slot == slot { bytes[place.byte] = memory[index] }
            if case .replicated(let width) = instruction.arrangement {
                for byte in 0..<width { bytes[byte] = bytes[byte % instruction.elementSize] }
            }
            guard case .general(_, _, let signExtends, let isWide) = instruction.registers else {
                registers.v[number] = bytes
                continue
            }
            guard number != 31 else { continue }
            if signExtends, bytes[instruction.elementSize - 1] >= 128 {
                for byte in instruction.elementSize..<(isWide ? 8 : 4) { bytes[byte] = 255 }
            }
            registers.x[number] = (0..<8).reversed().reduce(0) { $0 << 8 | UInt64(bytes[$1]) }
        }
    }

    static func store(_ instruction: LoadStore, _ registers: FakeRegisters) -> [UInt8] {
        places(instruction).map { place in
            let number = Int(instruction.register(ofSlot: place.slot))
            if instruction.isVector { return registers.v[number][place.byte] }
            return number == 31 ? 0 : UInt8(truncatingIfNeeded: registers.x[number] >> UInt64(8 * place.byte))
        }
    }

    /// Sets the base register so that the access begins at `address`, and returns the base's new value.
    static func aim(_ instruction: LoadStore, at address: UInt64, _ registers: inout FakeRegisters) -> UInt64? {
        var offset: UInt64 = 0
        switch instruction.offset {
        case .immediate(let value): offset = UInt64(bitPattern: value)
        case .register(let number, let kind, let shift):
            let value = number == 31 ? 0 : registers.x[Int(number)]
            switch kind {
            case .none: offset = value << shift
            case .unsignedWord: offset = UInt64(UInt32(truncatingIfNeeded: value)) << shift
            case .signedWord: offset = UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: value))) << shift
            }
        }
        let base = instruction.indexing == .postIndexed ? address : address &- offset
        switch instruction.base {
        case .programCounter: registers.pc = base
        case .register(31): registers.sp = base
        case .register(let number): registers.x[Int(number)] = base
        }
        return instruction.indexing == .offset ? nil : base &+ offset
    }

    /// Returns true if the base is the offset, too, so that the test cannot set the address.
    static func cannotAim(_ instruction: LoadStore) -> Bool {
        guard case .register(let offset, _, _) = instruction.offset, case .register(let base) = instruction.base else {
            return false
        }
        return offset == base && base != 31
    }
}

@Suite struct TransferTests {
    private func finish(_ instruction: LoadStore, _ newBase: UInt64?, _ registers: inout FakeRegisters) {
        guard let newBase, case .register(let base) = instruction.base else { return }
        if base == 31 { registers.sp = newBase } else { registers.x[Int(base)] = newBase }
    }

    /// Every row of the table, with random registers and immediates.
    @Test func everyInstructionDoesAsTheManualSays() {
        var generator = SeededGenerator(state: 1)
        var count = 0
        for row in LoadStoreRow.all {
            for _ in 0..<4 {
                let word = row.value | UInt32(truncatingIfNeeded: generator.next()) & ~row.mask
                let instruction = row.meaning(of: word)
                if Manual.cannotAim(instruction) { continue }
                var registers = FakeRegisters(&generator)
                let newBase = Manual.aim(instruction, at: 0xFFFF_8000_0900_0100, &registers)
                var device = ByteDevice(&generator)
                var (expected, expectedDevice) = (registers, device)
                if instruction.isLoad {
                    Manual.load(instruction, device.bytes, &expected)
                } else {
                    let bytes = Manual.store(instruction, registers)
                    expectedDevice.bytes.replaceSubrange(bytes.indices, with: bytes)
                }
                finish(instruction, newBase, &expected)

                var transfer = Transfer(instruction, &registers)
                #expect(transfer.address == 0xFFFF_8000_0900_0100)
                #expect(transfer.perform(at: ByteDevice.base) { device.perform($0) })
                transfer.finish(&registers)
                guard registers == expected, device == expectedDevice else {
                    Issue.record("\(row.name), \(String(word, radix: 16))")
                    continue
                }
                count += 1
            }
        }
        #expect(count > 10_000)
    }

    /// The registers are written only at the end. A load that no device answers leaves all of them unchanged.
    @Test func anUnansweredLoadChangesNoRegister() throws {
        var generator = SeededGenerator(state: 2)
        var registers = FakeRegisters(&generator)
        let before = registers
        // ld4 {v0.4s-v3.4s}, [x5], #64
        var transfer = Transfer(try #require(LoadStore(0x4CDF_08A0)), &registers)
        var accesses = 0
        let isDone = transfer.perform(at: 0x0900_0000) { _ in
            accesses += 1
            return accesses < 7 ? 5 : nil
        }
        #expect(!isDone && accesses == 7 && registers == before)
    }

    // MARK: The fault

    /// stp w1, w1, [x5]: 8 bytes.
    private func pair(at address: UInt64) throws -> Transfer {
        var generator = SeededGenerator(state: 3)
        var registers = FakeRegisters(&generator)
        registers.x[5] = address
        return Transfer(try #require(LoadStore(0x2900_04A1)), &registers)
    }

    @Test func anAccessIsTakenForTheFaultOnlyIfItIsTheSame() throws {
        let transfer = try pair(at: 0x7000_0420)
        func first(_ fault: UInt64, _ physical: UInt64, isWrite: Bool = true) -> UInt64? {
            transfer.physicalAddress(faultAddress: fault, physicalAddress: physical, isWrite: isWrite)
        }
        #expect(first(0x7000_0420, 0x0800_0420) == 0x0800_0420)
        // A later byte of it, and a tag.
        #expect(first(0x7000_0427, 0x0800_0427) == 0x0800_0420)
        #expect(first(0xAB00_0000_7000_0420, 0x0800_0420) == 0x0800_0420)
        #expect(first(0x7000_0420, 0x0800_0420, isWrite: false) == nil)
        for fault in [0x7000_041F, 0x7000_0428, 0x7000_1420, 0x80_0000_7000_0420, 0] as [UInt64] {
            #expect(first(fault, 0x0800_0420) == nil)
        }
        // The guest could otherwise choose another address of the same page.
        #expect(
            try pair(at: 0x7000_0400).physicalAddress(
                faultAddress: 0x7000_0420, physicalAddress: 0x0800_0420, isWrite: true) == nil)
    }

    @Test func anAccessThatLeavesThePageIsRefused() throws {
        func first(_ place: UInt64, fault: UInt64) throws -> UInt64? {
            try pair(at: 0x7000_0000 + place).physicalAddress(
                faultAddress: 0x7000_0000 + fault, physicalAddress: 0x0800_0000 + fault, isWrite: true)
        }
        #expect(try first(0xFF8, fault: 0xFF8) == 0x0800_0FF8)
        for place in 0xFF9...0xFFF as ClosedRange<UInt64> {
            #expect(try first(place, fault: place) == nil)
            #expect(try first(place, fault: 0x1000) == nil)
        }
        #expect(try first(0x1000, fault: 0x1000) == 0x0800_1000)
    }

    /// A guest's registers may hold anything.
    @Test func noRegistersDisturbTheCheck() {
        var generator = SeededGenerator(state: 4)
        for row in LoadStoreRow.all {
            let word = row.value | UInt32(truncatingIfNeeded: generator.next()) & ~row.mask
            var registers = FakeRegisters(&generator)
            let transfer = Transfer(row.meaning(of: word), &registers)
            for fault in [0, .max, transfer.address, transfer.address &+ 1] {
                for physical in [0, 1, .max, ByteDevice.base] {
                    _ = transfer.physicalAddress(faultAddress: fault, physicalAddress: physical, isWrite: false)
                    _ = transfer.physicalAddress(faultAddress: fault, physicalAddress: physical, isWrite: true)
                }
            }
        }
    }
}
