import ABI
import Foundation
import SystemImage

/// Makes a program that fails in given windows of the board's time, and is unchanged otherwise.
///
/// Each system call (SVC) becomes a branch to code in a segment of its own. That code looks at the counter, fails if it
/// is time to, and performs the system call. It uses registers that the ABI leaves undefined after a system call, so
/// the program itself does not notice it. Thus any part can be made to fail, without a fault in its sources.
struct FaultyProgram {
    let windows: [FaultWindow]
    /// The ticks of the counter in a second.
    var frequency: UInt64 = 62_500_000

    private static let supervisorCall: UInt32 = 0xD400_0001
    private static let page: UInt64 = 4096

    /// Returns the program with the faults.
    func program(from original: Program) throws -> Program {
        guard !windows.isEmpty else { return original }
        var segments = original.segments
        guard let index = segments.firstIndex(where: { $0.rights & Rights.execute.rawValue != 0 }),
            let end = segments.map({ $0.address + $0.memorySize }).max()
        else { throw Failure("the program has no code") }
        var code = Code(at: end)
        let common = code.place
        addChecks(to: &code)
        var text = segments[index]
        for offset in stride(from: 0, to: text.data.count - 3, by: 4)
        where text.data.word(at: offset) == Self.supervisorCall {
            let site = text.address + UInt64(offset)
            let stub = code.place
            code.add(Opcode.adr(17, by: 8))
            code.add(Opcode.branch(from: code.place, to: common))
            code.add(Self.supervisorCall)
            code.add(Opcode.branch(from: code.place, to: site + 4))
            text.data.set(Opcode.branch(from: site, to: stub), at: offset)
        }
        segments[index] = text
        let size = (UInt64(code.data.count) + Self.page - 1) / Self.page * Self.page
        segments.append(.init(address: end, data: code.data, memorySize: size, rights: text.rights))
        return try original.withSegments(segments)
    }

    /// Adds the code that all system calls share. It goes on at the address in x17. x13…x16 are free.
    private func addChecks(to code: inout Code) {
        for window in windows.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            let action = action(of: window)
            // The constants stand before the code that loads them.
            code.add(Opcode.branch(from: code.place, to: code.place + 32))
            code.add(0)
            let constants = code.place
            for value in [window.range.lowerBound, window.range.upperBound] { code.add(long: ticks(value)) }
            code.add(long: ticks(FaultWindow.delay))
            code.add(Opcode.counter(16))
            code.add(Opcode.load(15, from: code.place, at: constants))
            code.add(Opcode.subtract(15, 16, 15))
            code.add(Opcode.branchIfNegative(15, by: 4 * (4 + action.count)))
            code.add(Opcode.load(14, from: code.place, at: constants + 8))
            code.add(Opcode.subtract(15, 16, 14))
            code.add(Opcode.branchIfPositive(15, by: 4 * (1 + action.count)))
            if window.kind == .slowed {
                code.add(Opcode.load(14, from: code.place, at: constants + 16))
                code.add(Opcode.add(14, 16, 14))
                for word in action.dropFirst(2) { code.add(word) }
            } else {
                for word in action { code.add(word) }
            }
        }
        code.add(Opcode.branchToRegister(17))
    }

    /// Returns the instructions of a fault. x16 holds the time, and x14 the end of the window.
    private func action(of window: FaultWindow) -> [UInt32] {
        let untilX14 = [
            Opcode.counter(16), Opcode.subtract(15, 16, 14), Opcode.branchIfNegative(15, by: -8),
        ]
        return switch window.kind {
        case .killed: [Opcode.undefined]
        case .hung: untilX14
        // The first two words hold the place of a load and an addition, which depend on the place.
        case .slowed: [0, 0] + untilX14
        }
    }

    private func ticks(_ microseconds: UInt64) -> UInt64 { microseconds * (frequency / 1000) / 1000 }
}

/// Instructions of A64 (Arm ARM C6.2) with 64-bit registers. Distances are in bytes.
enum Opcode {
    static let undefined: UInt32 = 0

    static func branch(from place: UInt64, to target: UInt64) -> UInt32 {
        let distance = Int64(bitPattern: target &- place) / 4
        return 0x1400_0000 | UInt32(truncatingIfNeeded: distance) & 0x03FF_FFFF
    }

    /// - Parameter distance: a multiple of 4.
    static func adr(_ register: UInt32, by distance: Int) -> UInt32 {
        0x1000_0000 | (UInt32(truncatingIfNeeded: distance / 4) & 0x7FFFF) << 5 | register
    }

    /// Reads CNTVCT_EL0.
    static func counter(_ register: UInt32) -> UInt32 { 0xD53B_E040 | register }

    static func load(_ register: UInt32, from place: UInt64, at target: UInt64) -> UInt32 {
        let distance = Int64(bitPattern: target &- place) / 4
        return 0x5800_0000 | (UInt32(truncatingIfNeeded: distance) & 0x7FFFF) << 5 | register
    }

    static func add(_ result: UInt32, _ left: UInt32, _ right: UInt32) -> UInt32 {
        0x8B00_0000 | right << 16 | left << 5 | result
    }

    static func subtract(_ result: UInt32, _ left: UInt32, _ right: UInt32) -> UInt32 {
        0xCB00_0000 | right << 16 | left << 5 | result
    }

    /// Branches if bit 63 is set (TBNZ).
    static func branchIfNegative(_ register: UInt32, by distance: Int) -> UInt32 {
        0xB7F8_0000 | (UInt32(truncatingIfNeeded: distance / 4) & 0x3FFF) << 5 | register
    }

    /// Branches if bit 63 is clear (TBZ).
    static func branchIfPositive(_ register: UInt32, by distance: Int) -> UInt32 {
        0xB6F8_0000 | (UInt32(truncatingIfNeeded: distance / 4) & 0x3FFF) << 5 | register
    }

    static func branchToRegister(_ register: UInt32) -> UInt32 { 0xD61F_0000 | register << 5 }
}

/// Code that grows from an address on.
private struct Code {
    let start: UInt64
    private(set) var data = Data()

    init(at start: UInt64) { self.start = start }

    var place: UInt64 { start + UInt64(data.count) }

    mutating func add(_ word: UInt32) { withUnsafeBytes(of: word.littleEndian) { data.append(contentsOf: $0) } }

    mutating func add(long: UInt64) { withUnsafeBytes(of: long.littleEndian) { data.append(contentsOf: $0) } }
}

extension Data {
    fileprivate func word(at offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(self[startIndex + offset + $1]) << UInt32(8 * $1) }
    }

    fileprivate mutating func set(_ word: UInt32, at offset: Int) {
        for index in 0..<4 { self[startIndex + offset + index] = UInt8(truncatingIfNeeded: word >> UInt32(8 * index)) }
    }
}
