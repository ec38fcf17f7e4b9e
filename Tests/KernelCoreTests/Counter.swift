import Synchronization

/// A count that several host threads see.
final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    private let begun = Atomic<Bool>(false)

    var value: Int { count.load(ordering: .acquiring) }
    var hasBegun: Bool { begun.load(ordering: .acquiring) }
    func increment() { count.add(1, ordering: .acquiringAndReleasing) }
    /// The first turn is not an answer to anything.
    func begin(_ counts: Bool) {
        begun.store(true, ordering: .releasing)
        if counts { increment() }
    }
}
