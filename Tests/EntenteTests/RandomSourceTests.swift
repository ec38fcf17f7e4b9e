import Testing

@testable import Entente

@Suite struct RandomSourceTests {
    /// RFC 8439, 2.3.2.
    @Test func theBlockFunctionIsTheStandards() {
        var key = InlineArray<8, UInt32>(repeating: 0)
        for index in 0..<8 { key[index] = UInt32(index) * 0x0404_0404 + 0x0302_0100 }
        let block = RandomSource.block(key: key, counter: 1, nonce: [0x0900_0000, 0x4A00_0000, 0])
        let expected: [UInt32] = [
            0xE4E7_F110, 0x1559_3BD1, 0x1FDD_0F50, 0xC471_20A3, 0xC7F4_D1C7, 0x0368_C033, 0x9AAA_2204, 0x4E6C_D4C3,
            0x4664_82D2, 0x09AA_9F07, 0x05D7_C214, 0xA202_8BD9, 0xD19C_12B5, 0xB94E_16DE, 0xE883_D0CB, 0x4E3C_50A2,
        ]
        #expect((0..<16).map { block[$0] } == expected)
    }

    private func words(_ source: inout RandomSource, _ count: Int) -> [UInt64] {
        (0..<count).flatMap { _ in
            let next = source.next()
            return (0..<4).map { next[$0] }
        }
    }

    @Test func nothingRepeatsItself() {
        var source = RandomSource(seed: [1, 2, 3, 4])
        var same = RandomSource(seed: [1, 2, 3, 4])
        let first = words(&source, 250)
        #expect(Set(first).count == 1000)
        #expect(words(&same, 250) == first)
    }

    /// A receiver of numbers learns no later numbers: they are not the key of the generator's next step.
    @Test func numbersTellNoLaterOnes() {
        var source = RandomSource(seed: [1, 2, 3, 4])
        for _ in 0..<10 {
            let number = source.next()
            var guess = RandomSource(seed: number)
            var later = source
            #expect(words(&guess, 1) != words(&later, 1))
        }
    }

    /// Each word of the seed, each mixed bit and each draw changes all later numbers.
    @Test func everythingCounts() {
        var seen: Set<[UInt64]> = []
        for index in 0..<4 {
            var seed = InlineArray<4, UInt64>(repeating: 0)
            for bit in [0, 31, 32, 63] as [UInt64] {
                seed[index] = 1 << bit
                var source = RandomSource(seed: seed)
                seen.insert(words(&source, 1))
            }
        }
        for bit in 0..<64 as Range<UInt64> {
            var source = RandomSource(seed: [0, 0, 0, 0])
            source.mix(1 << bit)
            seen.insert(words(&source, 1))
        }
        var source = RandomSource(seed: [0, 0, 0, 0])
        source.mix(0)
        seen.insert(words(&source, 1))
        var plain = RandomSource(seed: [0, 0, 0, 0])
        seen.insert(words(&plain, 1))
        #expect(seen.count == 16 + 64 + 2)
    }

    @Test func aSeedWithoutBitsIsNoSource() {
        var empty = RandomSource(seed: [0, 0, 0, 0])
        empty.mix(5)
        #expect(!empty.hasEntropy)
        for index in 0..<4 {
            var seed = InlineArray<4, UInt64>(repeating: 0)
            seed[index] = 1 << 63
            #expect(RandomSource(seed: seed).hasEntropy)
        }
    }
}
