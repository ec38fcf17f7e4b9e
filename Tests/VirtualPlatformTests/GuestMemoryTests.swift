import ABI
import Testing

@testable import VirtualPlatform

@Suite struct GuestMemoryTests {
    private static let ram = MemoryRange(base: 0x4000_0000, size: 0x20_0000)

    /// Records the used addresses, and answers a load with its address.
    private final class Record: GuestMemoryAccess {
        var cleared: [GuestRange] = []
        var filled: [(GuestRange, UInt64)] = []
        var stored: [UInt64: UInt64] = [:]
        var loads = 0

        func load(_ word: GuestRange) -> UInt64 {
            loads += 1
            return word.address | 0xABCD_0000_0000_0000
        }
        func store(_ value: UInt64, _ word: GuestRange) { stored[word.address] = value }
        func clear(_ range: GuestRange) { cleared.append(range) }
        func fill(_ range: GuestRange, from source: UInt64) { filled.append((range, source)) }
    }

    /// Returns the definition, byte by byte in numbers that do not overflow.
    private func isRAM(_ address: UInt64, _ size: UInt64, _ ram: MemoryRange) -> Bool {
        let (first, end) = (UInt128(address), UInt128(address) + UInt128(size))
        return size > 0 && first >= UInt128(ram.base) && end <= UInt128(ram.base) + UInt128(ram.size)
    }

    @Test func aRangeIsRAMFromItsFirstByteToItsLast() {
        let edges: [UInt64] = [0, 1, 7, 8, 63, 64, 4096]
        let others = [(0, 8), (.max - 63, 63), (64, 0)] as [(UInt64, UInt64)]
        for ram in [Self.ram] + others.map({ MemoryRange(base: $0.0, size: $0.1) }) {
            let bounds = GuestBounds(ram)
            let places = [0, ram.base, ram.base &+ ram.size, .max].flatMap { place in
                edges.flatMap { [place &+ $0, place &- $0] }
            }
            let sizes = edges + [ram.size, ram.size &+ 1, ram.size &- 1, .max, .max - 63, 1 << 63]
            for address in places {
                for size in sizes {
                    let range = bounds.range(at: address, size: size)
                    #expect((range != nil) == isRAM(address, size, ram), "\(address) \(size) \(ram)")
                    if let range { #expect(range.address == address && range.size == size) }
                    let isAligned = address.isMultiple(of: 8)
                    #expect((bounds.range(at: address, size: size, alignedTo: 8) != nil) == (range != nil && isAligned))
                }
            }
        }
    }

    @Test func aWordIsReadOnceOrNotAtAll() {
        let record = Record()
        let memory = GuestMemory(Self.ram, record)
        #expect(memory.word(at: 0x4000_0008) == 0xABCD_0000_4000_0008 && record.loads == 1)
        for address in [0x4000_0004, 0x3FFF_FFF8, 0x401F_FFFC, 0x4020_0000, 0, .max, .max - 7] as [UInt64] {
            #expect(memory.word(at: address) == nil)
        }
        #expect(record.loads == 1)
        #expect(memory.instruction(at: 0x401F_FFFC) == 0xABCD_0000)
        #expect(memory.instruction(at: 0x401F_FFF8) == 0x401F_FFF8)
        #expect(record.loads == 3)
        for address in [0x4000_0002, 0x3FFF_FFFC, 0x4020_0000, .max - 3] as [UInt64] {
            #expect(memory.instruction(at: address) == nil)
        }
        #expect(record.loads == 3)
    }

    /// A size that is rounded up to whole units is checked after the rounding.
    @Test func fillingStaysInRAM() {
        let record = Record()
        let memory = GuestMemory(Self.ram, record)
        #expect(memory.clear(at: 0x4000_0000, size: 0x20_0000) && memory.fill(at: 0x4000_1000, size: 65, from: 7))
        #expect(record.cleared.map(\.size) == [0x20_0000])
        #expect(record.filled.map(\.0.size) == [128] && record.filled.map(\.1) == [7])
        for (address, size) in [
            (0x4000_0000, 0x20_0001), (0x401F_FFC8, 57), (0x3FFF_FFF8, 64), (0x4000_0001, 64), (0x4000_0000, .max),
            (0x4000_0000, .max - 62), (0x4000_0000, 0),
        ] as [(UInt64, UInt64)] {
            #expect(!memory.clear(at: address, size: size) && !memory.fill(at: address, size: size, from: 0))
        }
        #expect(record.cleared.count == 1 && record.filled.count == 1)
    }

    /// Random bytes that begin or end in the middle of a word leave the other half as it was.
    @Test func onlyTheNamedBytesAreMixed() {
        final class Words: GuestMemoryAccess {
            var words: [UInt64: UInt64] = [:]
            func load(_ word: GuestRange) -> UInt64 { words[word.address] ?? 0x1111_1111_1111_1111 }
            func store(_ value: UInt64, _ word: GuestRange) { words[word.address] = value }
            func clear(_ range: GuestRange) {}
            func fill(_ range: GuestRange, from source: UInt64) {}
        }
        let random: InlineArray<4, UInt64> = [
            0x0807_0605_0403_0201, 0x1817_1615_1413_1211, 0x2827_2625_2423_2221, 0x3837_3635_3433_3231,
        ]
        let bytes = (0..<4).flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: random[word] >> (8 * $0)) } }
        for start in [0x4000_0000, 0x4000_0004, 0x401F_FFE0, 0x401F_FFFC] as [UInt64] {
            for size in stride(from: 4, through: min(32, 0x4020_0000 - start), by: 4) {
                let memory = Words()
                let isDone = GuestMemory(Self.ram, memory).mix(random, at: start, size: size)
                #expect(isDone)
                for address in start - start % 8..<start + size + 4 {
                    let word = memory.words[address & ~7] ?? 0x1111_1111_1111_1111
                    let byte = UInt8(truncatingIfNeeded: word >> (8 * (address & 7)))
                    let isMixed = address >= start && address < start + size
                    #expect(byte == 0x11 ^ (isMixed ? bytes[Int(address - start)] : 0), "\(start) \(size) \(address)")
                }
            }
        }
    }

    @Test func nothingBesideRAMIsMixed() {
        let record = Record()
        let memory = GuestMemory(Self.ram, record)
        let random: InlineArray<4, UInt64> = [1, 2, 3, 4]
        let places: [(UInt64, UInt64)] = [
            (0x4000_0002, 4), (0x4000_0000, 0), (0x4000_0000, 6), (0x4000_0000, 36), (0x3FFF_FFFC, 8),
            (0x401F_FFFC, 8), (0x4020_0000, 4), (0, 32), (.max - 3, 4), (.max - 3, 32),
        ]
        for (address, size) in places {
            let isDone = memory.mix(random, at: address, size: size)
            #expect(!isDone, "\(address) \(size)")
        }
        // RAM that begins or ends in the middle of a word.
        for ram in [MemoryRange(base: 4, size: 8), MemoryRange(base: 0, size: 12)] {
            let isDone = GuestMemory(ram, record).mix(random, at: ram.base == 0 ? 8 : 4, size: 4)
            #expect(!isDone)
        }
        #expect(record.stored.isEmpty && record.loads == 0)
    }
}
