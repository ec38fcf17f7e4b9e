/// The registers of a virtual CPU whose instruction is performed in its place.
public protocol RegisterFile {
    /// Returns a general register.
    /// - Parameter number: 0…30.
    mutating func general(_ number: UInt32) -> UInt64
    mutating func setGeneral(_ number: UInt32, _ value: UInt64)
    /// Returns the stack pointer, to which the instruction refers as base register 31.
    mutating func stackPointer() -> UInt64
    mutating func setStackPointer(_ value: UInt64)
    mutating func programCounter() -> UInt64
    /// Returns one half of a vector register.
    /// - Parameters:
    ///   - register: 0…31.
    ///   - half: 0 for the low 64 bits, or 1.
    mutating func vector(_ register: UInt32, half: Int) -> UInt64
    mutating func setVector(_ register: UInt32, half: Int, _ value: UInt64)
}

/// A `LoadStore` in progress. It reads the registers, makes one access for each element, and then writes the
/// registers. An access that no device answers ends it, and leaves the registers unchanged.
public struct Transfer {
    private let instruction: LoadStore
    /// The virtual address of the first byte.
    public let address: UInt64
    /// The new value of the base register, if the instruction writes it back.
    private let writeBack: UInt64?
    /// The contents of the slots, 16 bytes each.
    private var contents = InlineArray<8, UInt64>(repeating: 0)

    /// Reads the registers that hold the address and the data.
    public init<Registers: RegisterFile>(_ instruction: LoadStore, _ registers: inout Registers) {
        self.instruction = instruction
        let base =
            switch instruction.base {
            case .programCounter: registers.programCounter()
            case .register(31): registers.stackPointer()
            case .register(let number): registers.general(number)
            }
        let sum = base &+ Transfer.offset(instruction.offset, &registers)
        address = instruction.indexing == .postIndexed ? base : sum
        writeBack = instruction.indexing == .offset ? nil : sum
        readSlots(&registers)
    }

    private static func offset<Registers: RegisterFile>(
        _ offset: LoadStore.Offset, _ registers: inout Registers
    ) -> UInt64 {
        switch offset {
        case .immediate(let value): return UInt64(bitPattern: value)
        case .register(let number, let extend, let shift):
            let value = number == 31 ? 0 : registers.general(number)
            let extended: UInt64 =
                switch extend {
                case .none: value
                case .unsignedWord: value & 0xFFFF_FFFF
                case .signedWord: MemoryAccess.extended(value, size: 4, signExtends: true, isWide: true)
                }
            return extended &<< shift
        }
    }

    /// Reads the registers of the slots. A load of a lane needs the other lanes; other loads need nothing.
    private mutating func readSlots<Registers: RegisterFile>(_ registers: inout Registers) {
        var isNeeded = !instruction.isLoad
        if case .lane = instruction.arrangement { isNeeded = true }
        guard isNeeded else { return }
        for slot in 0..<instruction.slotCount {
            let register = instruction.register(ofSlot: slot)
            if instruction.isVector {
                contents[2 &* slot] = registers.vector(register, half: 0)
                contents[2 &* slot &+ 1] = registers.vector(register, half: 1)
            } else {
                contents[2 &* slot] = register == 31 ? 0 : registers.general(register)
            }
        }
    }
}

// MARK: - Checking against the fault

extension Transfer {
    private static let pageSize: UInt64 = 4096
    /// The bits of an address without a tag in the uppermost byte.
    private static let addressBits: UInt64 = 1 << 56 - 1

    /// Returns the physical address of the first byte, if this is the access that hardware has reported.
    ///
    /// The guest can change the instruction and its registers at any time, even while this function runs. So neither
    /// is trusted: all bytes must lie in the page that hardware has translated for this access, and to which it
    /// permitted the access, and the direction must be the same. So a process reaches no more than it can reach
    /// without this function.
    /// - Parameters:
    ///   - faultAddress: FAR_EL2.
    ///   - physicalAddress: the physical address of the same byte.
    public func physicalAddress(faultAddress: UInt64, physicalAddress: UInt64, isWrite: Bool) -> UInt64? {
        guard isWrite != instruction.isLoad else { return nil }
        let before = (faultAddress &- address) & Transfer.addressBits
        guard before < instruction.size else { return nil }
        let first = physicalAddress &- before
        let page = ~(Transfer.pageSize &- 1)
        let last = first &+ (instruction.size &- 1)
        guard first & page == physicalAddress & page, last & page == first & page else { return nil }
        return first
    }
}

// MARK: - The accesses

extension Transfer {
    /// Makes the accesses in the order of their addresses.
    /// - Parameters:
    ///   - physicalAddress: the address of the first byte.
    ///   - access: returns the value of a load, or 0 for a store; nil if no device answers.
    /// - Returns: true if devices answered all accesses.
    public mutating func perform(at physicalAddress: UInt64, _ access: (MemoryAccess) -> UInt64?) -> Bool {
        let size = UInt64(instruction.elementSize)
        for element in 0..<instruction.elementCount {
            let stored = instruction.isLoad ? nil : contents(of: element)
            let made = MemoryAccess(address: physicalAddress &+ UInt64(element) &* size, size: size, write: stored)
            guard let value = access(made) else { return false }
            if instruction.isLoad { setContents(of: element, value) }
        }
        return true
    }

    /// Returns the index of an element's first byte in the slots.
    private func place(of element: Int) -> Int {
        let size = instruction.elementSize
        switch instruction.arrangement {
        case .sequential(let perSlot): return 16 &* (element / perSlot) &+ size &* (element % perSlot)
        case .interleaved(let slots): return 16 &* (element % slots) &+ size &* (element / slots)
        case .lane(let lane): return 16 &* element &+ size &* lane
        case .replicated: return 16 &* element
        }
    }

    private func contents(of element: Int) -> UInt64 {
        let place = place(of: element)
        return contents[place / 8] &>> UInt64(8 &* (place % 8))
    }

    private mutating func setContents(of element: Int, _ value: UInt64) {
        let place = place(of: element)
        setElement(at: place, value)
        guard case .replicated(let width) = instruction.arrangement else { return }
        for further in stride(from: instruction.elementSize, to: width, by: instruction.elementSize) {
            setElement(at: place &+ further, value)
        }
    }

    private mutating func setElement(at place: Int, _ value: UInt64) {
        let mask = MemoryAccess.mask(size: UInt64(instruction.elementSize))
        let shift = UInt64(8 &* (place % 8))
        contents[place / 8] = contents[place / 8] & ~(mask &<< shift) | (value & mask) &<< shift
    }
}

// MARK: - The registers

extension Transfer {
    /// Writes the loaded values to the registers, then the base register. If a pair names one register twice, the
    /// first value stays, as in QEMU; the architecture leaves this open.
    public func finish<Registers: RegisterFile>(_ registers: inout Registers) {
        if instruction.isLoad {
            let count = instruction.slotCount
            for place in 0..<count { finish(instruction.isVector ? place : count &- 1 &- place, &registers) }
        }
        guard let writeBack, case .register(let base) = instruction.base else { return }
        if base == 31 { registers.setStackPointer(writeBack) } else { registers.setGeneral(base, writeBack) }
    }

    private func finish<Registers: RegisterFile>(_ slot: Int, _ registers: inout Registers) {
        let register = instruction.register(ofSlot: slot)
        guard case .general(_, _, let signExtends, let isWide) = instruction.registers else {
            registers.setVector(register, half: 0, contents[2 &* slot])
            return registers.setVector(register, half: 1, contents[2 &* slot &+ 1])
        }
        guard register != 31 else { return }
        registers.setGeneral(
            register,
            MemoryAccess.extended(
                contents[2 &* slot], size: UInt64(instruction.elementSize), signExtends: signExtends, isWide: isWide))
    }
}
