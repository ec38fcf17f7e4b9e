/// A queue of up to 32 characters, first in, first out.
struct SerialFIFO<Character: FixedWidthInteger> {
    static var capacity: Int { 32 }

    private var characters = InlineArray<32, Character>(repeating: 0)
    private var start = 0
    private(set) var count = 0

    @inline(__always) var isEmpty: Bool { count == 0 }
    var first: Character? { isEmpty ? nil : characters[start] }

    /// Appends a character. There must be room.
    mutating func append(_ character: Character) {
        characters[(start + count) % Self.capacity] = character
        count += 1
    }

    /// Removes the first character. There must be one.
    mutating func removeFirst() {
        start = (start + 1) % Self.capacity
        count -= 1
    }

    mutating func popFirst() -> Character? {
        guard let character = first else { return nil }
        removeFirst()
        return character
    }
}
