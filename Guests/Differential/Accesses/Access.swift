import GuestHardware
import GuestSupport

/// All registers, in the order of `guest_execute`.
struct State {
    var words = InlineArray<96, UInt64>(repeating: 0)
    static let stackPointer = 31
    static let vectors = 32

    mutating func execute(at entry: UInt64, _ processorState: UInt64) -> UInt64 {
        var span = words.mutableSpan
        // SAFETY: the array has the 768 bytes that the function reads and writes, for as long as it runs.
        return unsafe span.withUnsafeMutableBufferPointer { buffer in
            unsafe guest_execute(entry, buffer.baseAddress, processorState)
        }
    }
}

/// Registers of devices that keep written values, by the size of access that they support.
enum DeviceWindow {
    private static let priorities: UInt64 = 0x0800_0420
    private static let routes: UInt64 = 0x0800_6100
    private static let baudRate: UInt64 = 0x0900_0024
    /// The bits that all of them keep: priorities of five bits, and affinities.
    static let mask: UInt64 = 0x0000_0008_00F8_F8F8

    static func fill(_ random: inout Random) {
        for word in 0..<20 as Range<UInt64> {
            guest_store32(priorities + 4 * word, UInt32(truncatingIfNeeded: random.next() & mask))
        }
        for word in 0..<16 as Range<UInt64> { guest_store64(routes + 8 * word, random.next() & mask) }
    }

    static func read(_ body: (UInt32) -> Void) {
        for word in 0..<20 as Range<UInt64> { body(guest_load32(priorities + 4 * word)) }
        for word in 0..<32 as Range<UInt64> { body(guest_load32(routes + 4 * word)) }
        body(guest_load32(baudRate))
    }

    /// Returns an address from which 64 bytes may be accessed in pieces of this size; of half words, two.
    static func address(_ logSize: UInt64, _ random: inout Random) -> UInt64 {
        switch logSize {
        case 0, 2: priorities + random.next(below: 4) << 2
        case 1: baudRate
        default: routes + random.next(below: 8) << 3
        }
    }
}

/// An instruction without its registers and its offset.
struct Access {
    enum Registers { case general, vector, generalPair, vectorPair, structures }
    enum Offset {
        case none
        case immediate(low: UInt32, bits: UInt32, scale: UInt32)
        case register(signed: Bool, isWord: Bool, shift: UInt64)
        /// The step of a structure's address.
        case step
    }

    let isLoad: Bool
    let logSize: UInt64
    var registers = Registers.general
    var offset = Offset.none
    var isPostIndexed = false
    var word: UInt32 = 0

    init(isLoad: Bool, logSize: UInt64) {
        self.isLoad = isLoad
        self.logSize = logSize
    }

    /// Chooses registers and an offset, fills all registers, and makes the base lead to a device.
    func aim(_ random: inout Random, _ state: inout State) -> UInt32 {
        for number in 0..<96 { state.words[number] = random.next() & DeviceWindow.mask }
        let target = UInt32(random.next(below: 32))
        let second = UInt32(random.next(below: 32))
        // The base and the index are not stored, because their contents are no values for the devices.
        let base = other(&random, target, second, 32)
        let index = other(&random, target, second, base)
        var instruction = word | target | base << 5
        if registers == .generalPair || registers == .vectorPair { instruction |= second << 10 }
        var distance: UInt64 = 0
        switch offset {
        case .none: break
        case .immediate(let low, let bits, let scale):
            let field = UInt32(random.next(below: 1 << UInt64(bits)))
            instruction |= field << low
            distance = UInt64(field) << UInt64(scale)
            // Nine bits have a sign; the other fields are kept below half of their range.
            if bits == 9, field >= 256 { distance = distance &- 512 }
        case .register(let signed, let isWord, let shift):
            let value = random.next(below: 8)
            let shifts = random.next(below: 2)
            instruction |= index << 16 | UInt32(shifts) << 12
            let number = signed ? 0 &- value : value
            state.words[Int(index)] = isWord ? number & 0xFFFF_FFFF | random.next() << 32 : number
            distance = number << (shifts * shift)
        case .step:
            instruction |= index << 16
            state.words[Int(index)] = random.next()
        }
        let address = DeviceWindow.address(logSize, &random)
        state.words[Int(base)] = isPostIndexed ? address : address &- distance
        return instruction
    }

    /// Returns a register that is none of those, and not 31.
    private func other(_ random: inout Random, _ first: UInt32, _ second: UInt32, _ third: UInt32) -> UInt32 {
        while true {
            let number = UInt32(random.next(below: 32))
            // As an index, register 31 would be the zero register or the number of bytes.
            if number == 31, third != 32 { continue }
            if number != first, number != second, number != third { return number }
        }
    }
}
