/// The name of a disk: 1 to 64 bytes of UTF-8. Unused bytes are zero.
public struct PoolName: Equatable, Sendable {
    var words = InlineArray<16, UInt32>(repeating: 0)

    /// Makes the empty name, which no disk has.
    public init() {}

    /// Makes a name. Returns nil if it is empty, too long, or contains a zero.
    public init?(_ bytes: some Collection<UInt8>) {
        guard !bytes.isEmpty, bytes.count <= PoolLayout.maximumName else { return nil }
        var index = 0
        for byte in bytes {
            guard byte != 0 else { return nil }
            words[index >> 2] |= UInt32(byte) << UInt32(8 * (index & 3))
            index += 1
        }
    }

    public var isEmpty: Bool { words[0] & 0xFF == 0 }

    public static func == (left: PoolName, right: PoolName) -> Bool {
        for index in 0..<16 where left.words[index] != right.words[index] { return false }
        return true
    }

    /// Returns a byte of the name; zero behind its end.
    public func byte(_ index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: words[index >> 2] >> UInt32(8 * (index & 3)))
    }

    #if !hasFeature(Embedded)
        public var text: String {
            String(decoding: (0..<PoolLayout.maximumName).map(byte).prefix { $0 != 0 }, as: UTF8.self)
        }
    #endif
}
