import KernelCore
import Synchronization

/// A saved state of a board, for tests that play many schedules from the same beginning.
public final class BoardSnapshot {
    private let board: ModelBoard
    private let saved: UnsafeMutableRawBufferPointer
    private let cores: [() -> Void]
    private let translations: TranslationModel
    private let clock: UInt64

    /// - Parameter end: the memory from here on is zero, and stays untouched until `restore`.
    public init(_ board: ModelBoard, upTo end: PhysicalAddress) {
        self.board = board
        let size = Int(Page.roundUp(end.value - board.memory.base.value))
        saved = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: Int(Page.size))
        let memory = PhysicalMemory.pointer(to: board.memory.base)
        saved.copyMemory(from: UnsafeRawBufferPointer(start: memory, count: size))
        cores = board.cores.map { $0.snapshot() }
        translations = board.withTranslations { $0 }
        clock = board.now.value
    }

    deinit { saved.deallocate() }

    /// Restores the state, without faults. No core may be in the kernel.
    public func restore() {
        PhysicalMemory.pointer(to: board.memory.base)
            .update(from: saved.baseAddress!.assumingMemoryBound(to: UInt64.self), count: saved.count / 8)
        for restore in cores { restore() }
        _ = board.takeFaults()
        let translations = translations
        board.withTranslations { $0 = translations }
        board.clock.store(clock, ordering: .relaxed)
    }
}
