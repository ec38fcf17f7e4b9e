import DiskPool
import Entente
import RuntimeSupport

/// The recovery log of a pool, in memory that outlives this component.
@safe
struct RecoveryMemory: RecoveryLog {
    private let base: UInt64
    let capacity: Int

    /// Uses a part of the component's lasting memory.
    ///
    /// - Parameters:
    ///   - memory: nil if the component has none. The pool then loses uncommitted changes when the component dies.
    ///   - part: the number of the part, of `parts` equal ones.
    init(_ memory: Resource?, part: Int, of parts: Int) {
        let size = memory.map { Int($0.size) / parts & ~4095 } ?? 0
        base = (memory?.address ?? 0) + UInt64(part * size)
        capacity = size / 32
    }

    private func address(_ index: Int) -> UInt64 {
        precondition(index >= 0 && index < capacity * 8, "the pool leaves its recovery log")
        return base &+ UInt64(4 * index)
    }

    func load(_ index: Int) -> UInt32 { entente_read32(address(index)) }
    mutating func store(_ index: Int, _ word: UInt32) { entente_write32(address(index), word) }
}
