import Foundation
import Interleaving
import Testing

@testable import KernelCore

/// Each kind of shared word promises an order for the accesses around it, in all interleavings of two cores. The paths
/// of the kernel rely on that.
@Suite struct SharedWordTests {
    /// A word that carries news, in each form, with data that is written before the news.
    private struct Words: ~Copyable {
        let data: AtomicWord
        let word: AtomicWord
        let link: SharedRef<Words>
        let byte: SharedByte
    }

    private let words: Ref<Words>
    private let object: Ref<Words>

    init() {
        // SAFETY: whole words of memory that nobody frees; zeroed memory is a value of the structure.
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 256, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: 256)
        let address = UInt64(UInt(bitPattern: memory))
        words = Ref(at: PhysicalAddress(address))
        object = Ref(at: PhysicalAddress(address + 128))
    }

    /// Lets core 0 write data and then publish it. Core 1 looks, and reads the data if it has seen the news. Returns
    /// true if it can miss the data.
    private func losesData(
        data: Ref<Words>, publish: @escaping (Ref<Words>) -> Void, look: @escaping (Ref<Words>) -> Bool
    ) -> Bool {
        let words = words, object = object
        return Scenario(
            cores: 2,
            reset: {
                for place in [words, object] {
                    place.pointee.data.store(0)
                    place.pointee.word.store(0)
                    place.pointee.link.store(nil)
                    place.pointee.byte.store(0)
                }
            },
            body: { core in
                if core == 0 {
                    data.pointee.data.relaxedStore(1)
                    publish(words)
                } else if look(words), data.pointee.data.relaxedLoad() == 0 {
                    Interleaving.fail("the data is missing")
                }
            }, check: { nil }
        ).explore().failure != nil
    }

    @Test func aStoreIsSeenAfterWhatCameBeforeIt() {
        #expect(!losesData(data: words, publish: { $0.pointee.word.store(1) }, look: { $0.pointee.word.load() == 1 }))
        #expect(
            losesData(data: words, publish: { $0.pointee.word.relaxedStore(1) }, look: { $0.pointee.word.load() == 1 }))
        #expect(
            losesData(data: words, publish: { $0.pointee.word.store(1) }, look: { $0.pointee.word.relaxedLoad() == 1 }))
    }

    @Test func aChangeIsSeenAfterWhatCameBeforeIt() {
        let looks: [(Ref<Words>) -> Bool] = [
            { $0.pointee.word.load() != 0 }, { $0.pointee.word.exchange(0) != 0 }, { $0.pointee.word.set(2) & 1 != 0 },
            { $0.pointee.word.clear(1) & 1 != 0 }, { $0.pointee.word.replace(1, by: 2) },
        ]
        let publishes: [(Ref<Words>) -> Void] = [
            { _ = $0.pointee.word.exchange(1) }, { $0.pointee.word.set(1) }, { _ = $0.pointee.word.replace(0, by: 1) },
        ]
        for (number, look) in looks.enumerated() {
            for (other, publish) in publishes.enumerated() {
                #expect(!losesData(data: words, publish: publish, look: look), "look \(number), publication \(other)")
            }
        }
    }

    /// A cleared bit publishes as a set one does.
    @Test func aBitThatIsClearedIsSeenAfterWhatCameBeforeIt() {
        let words = words
        #expect(
            !losesData(
                data: words,
                publish: {
                    $0.pointee.word.set(2)
                    $0.pointee.data.relaxedStore(1)
                    $0.pointee.word.clear(2)
                }, look: { $0.pointee.word.load() == 0 && $0.pointee.data.relaxedLoad() == 2 }))
    }

    @Test func aByteIsSeenAfterWhatCameBeforeIt() {
        #expect(!losesData(data: words, publish: { $0.pointee.byte.store(1) }, look: { $0.pointee.byte.load() == 1 }))
        #expect(
            losesData(data: words, publish: { $0.pointee.byte.relaxedStore(1) }, look: { $0.pointee.byte.load() == 1 }))
        #expect(
            losesData(data: words, publish: { $0.pointee.byte.store(1) }, look: { $0.pointee.byte.relaxedLoad() == 1 }))
    }

    /// The memory behind a link was written before the link. Other words may be older.
    @Test func aLinkIsSeenAfterWhatLiesBehindIt() {
        let object = object
        let look: (Ref<Words>) -> Bool = { $0.pointee.link.load() != nil }
        #expect(!losesData(data: object, publish: { $0.pointee.link.store(object) }, look: look))
        #expect(losesData(data: object, publish: { $0.pointee.link.relaxedStore(object) }, look: look))
        #expect(losesData(data: words, publish: { $0.pointee.link.store(object) }, look: look))
    }
}
