import Entente
import Testing

@Suite struct SharedMemoryTests {
    /// Memory of 16 words, each with its number.
    private static func withMemory(_ body: (SharedMemory) -> Void) {
        let base = UnsafeMutableRawPointer.allocate(byteCount: 128, alignment: 8)
        defer { base.deallocate() }
        let memory = unsafe SharedMemory(base: base, size: 128)
        for index in 0..<16 { memory[8 * index] = UInt64(index) }
        body(memory)
    }

    /// Each count has another rest when it is divided by the words of one turn of the loop.
    @Test(arguments: 0...10)
    func readsAndWritesAnyNumberOfWords(count: Int) {
        Self.withMemory { memory in
            var words = [UInt64](repeating: .max, count: count)
            var span = words.mutableSpan
            memory.read(into: &span, at: 8 * (16 - count))
            #expect(words == (0..<count).map { UInt64(16 - count + $0) })
            memory.write(words.map { $0 + 100 }.span, at: 8)
            let expected = (0..<16).map { index in
                index >= 1 && index <= count ? UInt64(115 - count + index) : UInt64(index)
            }
            #expect((0..<16).map { memory[8 * $0] } == expected)
        }
    }

    @Test func stopsAtWordsOutside() async {
        await #expect(processExitsWith: .failure) { Self.read(2, at: 120) }
        await #expect(processExitsWith: .failure) { Self.read(1, at: 128) }
        await #expect(processExitsWith: .failure) { Self.read(0, at: -8) }
        await #expect(processExitsWith: .failure) { Self.read(1, at: 4) }
        await #expect(processExitsWith: .failure) {
            Self.withMemory { $0.write([1, 2].span, at: 120) }
        }
    }

    private static func read(_ count: Int, at offset: Int) {
        withMemory { memory in
            var words = [UInt64](repeating: 0, count: count)
            var span = words.mutableSpan
            memory.read(into: &span, at: offset)
        }
    }
}
