import Foundation

/// Works on several items at a time.
enum Parallel {
    /// Returns the results in the order of the items. It begins the items in their order.
    ///
    /// - Parameter width: the number of items at a time; by default the number of the host's cores.
    static func map<Item: Sendable, Result: Sendable>(
        _ items: [Item], width: Int? = nil, _ body: @escaping @Sendable (Item) throws -> Result
    ) throws -> [Result] {
        let results = Results<Result>(count: items.count)
        let workers = max(1, width ?? ProcessInfo.processInfo.activeProcessorCount)
        DispatchQueue.concurrentPerform(iterations: workers) { _ in
            while let index = results.next() { results.set(index, Swift.Result { try body(items[index]) }) }
        }
        return try results.all()
    }

    private final class Results<Value: Sendable>: @unchecked Sendable {
        private let lock = NSLock()
        private var values: [Result<Value, any Error>?]
        private var count = 0

        init(count: Int) { values = Array(repeating: nil, count: count) }
        func next() -> Int? {
            lock.withLock {
                guard count < values.count else { return nil }
                count += 1
                return count - 1
            }
        }
        func set(_ index: Int, _ value: Result<Value, any Error>) { lock.withLock { values[index] = value } }
        func all() throws -> [Value] { try values.map { try $0!.get() } }
    }
}
