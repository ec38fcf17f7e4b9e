import ABI
import Testing

@testable import VirtualPlatform

@Suite struct GuestMemoryTests {
    private static let ram = MemoryRange(base: 0x4000_0000, size: 0x20_0000)

    /// Records the used addresses, and answers a load with its address.
    private final class Record: GuestMemoryAccess {
        var cleared: [GuestRange] = []
        var filled: [(GuestRange, UInt64)] = []
        var loads = 0

        func load(_ word: GuestRange) -> UInt64 {
            loads += 1
            return word.address | 0xABCD_0000_0000_0000
        }
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
}
