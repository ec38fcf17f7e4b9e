import Testing

@testable import VirtualPlatform

/// Memory with tables: 8 bytes at each multiple of 8. It counts the reads.
private final class TableMemory {
    var words: [UInt64: UInt64] = [:]
    var reads = 0
    /// The first address without memory.
    var end: UInt64 = 1 << 40

    func read(_ address: UInt64) -> UInt64? {
        reads += 1
        #expect(address % 8 == 0)
        return address < end ? words[address, default: 0] : nil
    }
}

@Suite struct StageOneTests {
    /// A translation regime in the manual's numbers: the bits of a page, and the levels by the number of address bits.
    struct Shape: CustomStringConvertible {
        var pageBits: Int
        var addressBits: Int
        var isHigh: Bool
        var description: String { "\(pageBits) \(addressBits) \(isHigh)" }

        /// The bits of TG0 and TG1 (DDI 0487, D19.2.139).
        var granuleBits: UInt64 {
            switch (pageBits, isHigh) {
            case (12, false): 0 << 14
            case (14, false): 2 << 14
            case (16, false): 1 << 14
            case (12, true): 2 << 30
            case (14, true): 1 << 30
            default: 3 << 30
            }
        }

        var configuration: UInt64 {
            let size = UInt64(64 - addressBits)
            // The other half is switched off.
            return isHigh ? size << 16 | 1 << 7 | granuleBits : size | 1 << 23 | granuleBits
        }

        func stage(_ table: UInt64, control: UInt64 = 1, further: UInt64 = 0) -> StageOne {
            StageOne(
                control: control, configuration: configuration | further, lowTable: isHigh ? 0xDEAD_0000 : table,
                highTable: isHigh ? table : 0xDEAD_0000)
        }

        /// The lowest bits of the levels' indices, the first level first.
        var shifts: [Int] {
            var shifts: [Int] = []
            var shift = pageBits
            while shift < addressBits {
                shifts.insert(shift, at: 0)
                shift += pageBits - 3
            }
            return shifts
        }

        func index(_ address: UInt64, _ place: Int) -> UInt64 {
            let top = place == 0 ? addressBits : shifts[place - 1]
            return address >> UInt64(shifts[place]) & (1 << UInt64(top - shifts[place]) - 1)
        }

        /// The levels at which the manual's table allows blocks: 1 GiB and 2 MiB, 32 MiB, or 512 MiB.
        var blockShifts: [Int] { pageBits == 12 ? [30, 21] : pageBits == 14 ? [25] : [29] }

        var addresses: [UInt64] {
            var generator = SeededGenerator(state: UInt64(pageBits * 64 + addressBits))
            return (0..<16).map { _ in
                let inside = generator.next() & (1 << UInt64(addressBits) - 1) & ~3
                return isHigh ? inside | ~(1 << UInt64(addressBits) - 1) : inside
            }
        }
    }

    static let shapes: [Shape] = [12, 14, 16].flatMap { page in
        (max(16, page + 1)...(page == 16 ? 52 : 48)).flatMap { bits in
            [false, true].map { Shape(pageBits: page, addressBits: bits, isHigh: $0) }
        }
    }

    /// Makes tables that map `address` down to the level at `leaf`, and returns the first.
    private func map(_ address: UInt64, to output: UInt64, _ shape: Shape, leaf: Int, _ memory: TableMemory) -> UInt64 {
        let table: UInt64 = 0x10_0000_0000
        for place in 0...leaf {
            let entry = table + UInt64(place) << 20 + shape.index(address, place) * 8
            if place < leaf {
                memory.words[entry] = (table + UInt64(place + 1) << 20) | 0x8000_0000_0000_0003
            } else {
                memory.words[entry] = output | 0x0060_0000_0000_0000 | (leaf == shape.shifts.count - 1 ? 3 : 1)
            }
        }
        return table
    }

    @Test(arguments: shapes) func pagesAndBlocksAreFound(shape: Shape) {
        for address in shape.addresses {
            for leaf in shape.shifts.indices {
                let shift = shape.shifts[leaf]
                let isLast = leaf == shape.shifts.count - 1
                let memory = TableMemory()
                let inside: UInt64 = 1 << UInt64(shift) - 1
                let output = 0x0000_1234_5678_9ABC_0000 & ~inside & 0xFFFF_FFFF_F000
                let table = map(address, to: output, shape, leaf: leaf, memory)
                let found = shape.stage(table).physicalAddress(ofInstructionAt: address, memory.read)
                let expected = isLast || shape.blockShifts.contains(shift) ? output | address & inside : nil
                #expect(found == expected, "\(String(address, radix: 16)), leaf at bit \(shift)")
                #expect(memory.reads == leaf + 1)
            }
        }
    }

    @Test(arguments: shapes) func anUnmappedAddressHasNoTranslation(shape: Shape) {
        for address in shape.addresses {
            for broken in shape.shifts.indices {
                let memory = TableMemory()
                let table = map(address, to: 0x4000_0000, shape, leaf: shape.shifts.count - 1, memory)
                let entry = table + UInt64(broken) << 20 + shape.index(address, broken) * 8
                memory.words[entry, default: 0] &= ~1
                #expect(shape.stage(table).physicalAddress(ofInstructionAt: address, memory.read) == nil)
                // A page whose descriptor is a block's.
                memory.words[entry, default: 0] |= 1
                memory.words[entry, default: 0] &= ~2
                if broken == shape.shifts.count - 1 {
                    #expect(shape.stage(table).physicalAddress(ofInstructionAt: address, memory.read) == nil)
                }
            }
        }
    }

    @Test(arguments: shapes) func addressesBeyondTheRangeAreNotMapped(shape: Shape) {
        guard shape.addressBits < 55 else { return }
        let memory = TableMemory()
        let address = shape.addresses[0]
        let table = map(address, to: 0x4000_0000, shape, leaf: shape.shifts.count - 1, memory)
        let stage = shape.stage(table)
        for bit in UInt64(shape.addressBits)..<64 {
            #expect(stage.physicalAddress(ofInstructionAt: address ^ 1 << bit, memory.read) == nil)
        }
    }

    @Test func tablesWithoutMemoryEndTheWalk() {
        let shape = Shape(pageBits: 12, addressBits: 48, isHigh: false)
        let memory = TableMemory()
        let table = map(0x1234_5000, to: 0x4000_0000, shape, leaf: 3, memory)
        for level in 0..<4 as Range<UInt64> {
            memory.end = table + level << 20
            memory.reads = 0
            #expect(shape.stage(table).physicalAddress(ofInstructionAt: 0x1234_5000, memory.read) == nil)
            #expect(memory.reads == Int(level) + 1)
        }
    }

    @Test func withoutTranslationAddressesAreTheirOwn() {
        let shape = Shape(pageBits: 12, addressBits: 48, isHigh: false)
        let stage = shape.stage(0, control: 0x30D0_0800)
        #expect(stage.physicalAddress(ofInstructionAt: 0x4020_0000, { _ in fatalError("read") }) == 0x4020_0000)
    }

    @Test func bigEndianTablesAreRead() {
        let shape = Shape(pageBits: 12, addressBits: 39, isHigh: true)
        let memory = TableMemory()
        let address: UInt64 = 0xFFFF_FF80_1234_5678
        let table = map(address, to: 0x5000_0000, shape, leaf: 2, memory)
        for (place, word) in memory.words { memory.words[place] = word.byteSwapped }
        #expect(shape.stage(table).physicalAddress(ofInstructionAt: address, memory.read) == nil)
        let stage = shape.stage(table, control: 1 | 1 << 25)
        #expect(stage.physicalAddress(ofInstructionAt: address, memory.read) == 0x5000_0678)
        #expect(stage.isBigEndian(atEL0: false) && !stage.isBigEndian(atEL0: true))
        #expect(shape.stage(table, control: 1 << 24).isBigEndian(atEL0: true))
    }

    /// Reserved sizes and granules, disabled walks, and descriptors of 52 bits. CnP does not belong to the table's
    /// address.
    @Test func unusualConfigurations() {
        let shape = Shape(pageBits: 12, addressBits: 39, isHigh: false)
        let memory = TableMemory()
        let table = map(0x1234_5678, to: 0x5000_0000, shape, leaf: 2, memory)
        func found(_ configuration: UInt64) -> UInt64? {
            StageOne(control: 1, configuration: configuration, lowTable: table | 1, highTable: 0)
                .physicalAddress(ofInstructionAt: 0x1234_5678, memory.read)
        }
        #expect(found(25) == 0x5000_0678)
        for configuration in [0, 15, 49, 63, 25 | 3 << 14, 25 | 1 << 7, 25 | 1 << 59] as [UInt64] {
            #expect(found(configuration) == nil)
        }
        #expect(shape.stage(table).physicalAddress(ofInstructionAt: 1 << 55, memory.read) == nil)
    }

    /// A guest may have anything in its registers and tables. A walk ends after five reads, and does not trap.
    @Test func noRegistersAndTablesDisturbTheWalk() {
        var generator = SeededGenerator(state: 10)
        for _ in 0..<200_000 {
            let stage = StageOne(
                control: generator.next() | 1, configuration: generator.next(), lowTable: generator.next(),
                highTable: generator.next())
            let address = generator.next() &>> (generator.next() & 63)
            var reads = 0
            _ = stage.physicalAddress(ofInstructionAt: generator.next() & 1 == 0 ? address : ~address) { place in
                reads += 1
                #expect(place % 8 == 0)
                return generator.next() | 3
            }
            #expect(reads <= 4)
        }
    }
}
