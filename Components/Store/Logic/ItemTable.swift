import Entente

/// The items of a store, in its own memory.
public struct ItemTable {
    /// The size of an item in bytes.
    public static let itemSize = 4096
    static let wordsPerItem = itemSize / 8

    /// The words of each item. An item that is missing has none.
    private var items: [[UInt64]]

    /// - Parameter capacity: the keys are below this number.
    public init(capacity: Int) { items = Array(repeating: [], count: capacity) }

    public var capacity: Int { items.count }
    public func has(_ key: UInt64) -> Bool { key < UInt64(items.count) && !items[Int(key)].isEmpty }

    /// Replaces an item by what `fill` writes. If `fill` throws, a former item may have parts of both, and a missing
    /// one is still missing.
    mutating func put(
        _ key: UInt64, _ fill: (inout MutableSpan<UInt64>) throws(StoreError) -> Void
    ) throws(StoreError) {
        guard key < UInt64(items.count) else { throw .noSuchPlace }
        let isNew = items[Int(key)].isEmpty
        if isNew { items[Int(key)] = Array(repeating: 0, count: Self.wordsPerItem) }
        do throws(StoreError) {
            var words = items[Int(key)].mutableSpan
            try fill(&words)
        } catch {
            if isNew { items[Int(key)] = [] }
            throw error
        }
    }

    /// Lends an item to `use`.
    func get(_ key: UInt64, _ use: (Span<UInt64>) throws(StoreError) -> Void) throws(StoreError) {
        guard key < UInt64(items.count) else { throw .noSuchPlace }
        let item = items[Int(key)]
        guard !item.isEmpty else { throw .missing }
        try use(item.span)
    }
}
