import Testing

@testable import VirtualPlatform

@Suite struct LoadStoreTests {
    /// The bits of a row without the row itself, whose objects would take most of the time for reference counts.
    private struct Key {
        var mask: UInt32
        var value: UInt32
        var row: Int
    }

    /// The rows that agree in the bits 31…21, because a search of all rows for each word would take minutes.
    private static let buckets: [[Key]] = {
        var buckets = [[Key]](repeating: [], count: 1 << 11)
        for (index, row) in LoadStoreRow.all.enumerated() {
            let (mask, value) = (row.mask >> 21, row.value >> 21)
            for place in 0..<UInt32(1 << 11) where place & mask == value {
                buckets[Int(place)].append(Key(mask: row.mask, value: row.value, row: index))
            }
        }
        return buckets
    }()

    private func compare(_ word: UInt32) -> String? {
        let matching = Self.buckets[Int(word >> 21)].filter { word & $0.mask == $0.value }
        if matching.count > 1 { return "two rows" }
        let row = matching.first.map { LoadStoreRow.all[$0.row] }
        let expected = row?.meaning(of: word)
        let decoded = LoadStore(word)
        guard decoded != expected else { return nil }
        return "\(row?.name ?? "nothing"): \(String(describing: decoded)), not \(String(describing: expected))"
    }

    /// The words are all of the class of loads and stores, except that the registers Rt and Rn differ from one to the
    /// next.
    @Test func everyEncodingIsDecodedAsTheTableSays() {
        var decoded = 0
        for high in UInt32(0)..<1 << 22 where high >> 17 & 1 == 1 && high >> 15 & 1 == 0 {
            let word = high << 10 | (high &* 0x9E37 >> 3) & 0x3FF
            if let fault = compare(word) {
                Issue.record("\(String(word, radix: 16)): \(fault)")
                return
            }
            if LoadStore(word) != nil { decoded += 1 }
        }
        #expect(decoded > 200_000)
    }

    @Test func everyRegisterIsDecoded() {
        for row in LoadStoreRow.all {
            for number in UInt32(0)..<32 {
                for word in [number, number << 5, number << 10, number << 16].map({ row.value | $0 & ~row.mask }) {
                    if let fault = compare(word) { Issue.record("\(String(word, radix: 16)): \(fault)") }
                }
            }
        }
    }

    @Test func everyImmediateIsDecoded() {
        for row in LoadStoreRow.all where row.pattern.contains("i") {
            let places = (0..<32).filter { Array(row.pattern)[31 - $0] == "i" }
            for number in 0..<min(1 << places.count, 300) {
                // The lowest ones and the highest ones.
                for value in [number, (1 << places.count) - 1 - number] {
                    let word = places.indices.reduce(row.value) { $0 | UInt32(value >> $1 & 1) << UInt32(places[$1]) }
                    if let fault = compare(word | 0x21) { Issue.record("\(String(word, radix: 16)): \(fault)") }
                }
            }
        }
    }

    /// Other instructions, and accesses that no device answers.
    @Test(
        arguments: [
            0xD503_201F, 0x885F_7C20, 0xC87F_0820, 0x88DF_FC20, 0x889F_FC20, 0xB820_0041, 0xF8A0_8041, 0x88A0_7C41,
            0xF980_0020, 0xF880_0020, 0xD800_0000, 0x6900_0820, 0xD920_0820, 0xF820_0420, 0x0000_0000, 0xFFFF_FFFF,
        ] as [UInt32])
    func othersAreNot(word: UInt32) { #expect(LoadStore(word) == nil) }
}
