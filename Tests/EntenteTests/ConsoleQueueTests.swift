import ABI
import Foundation
import Testing

@testable import Entente
import EntenteTesting

/// Tests a console queue, a page whose counters the peer may set to any value.
@Suite struct ConsoleQueueTests {
    private let page: Page
    private let queue: ConsoleQueueEnd
    private var capacity: UInt32 { ConsoleQueue.capacity }

    init() {
        page = Page()
        queue = ConsoleQueueEnd(page: page.address)
    }

    /// A page between two pages that guard it.
    private final class Page: @unchecked Sendable {
        let base: UnsafeMutableRawPointer
        init() {
            base = .allocate(byteCount: 3 * 4096, alignment: 4096)
            memset(base, 0xA5, 3 * 4096)
            memset(base + 4096, 0, 4096)
        }
        deinit { base.deallocate() }

        var address: UInt64 { UInt64(UInt(bitPattern: base + 4096)) }
        var head: UInt32 {
            get { base.load(fromByteOffset: 4096 + Int(ConsoleQueue.head), as: UInt32.self) }
            set { base.storeBytes(of: newValue, toByteOffset: 4096 + Int(ConsoleQueue.head), as: UInt32.self) }
        }
        var tail: UInt32 {
            get { base.load(fromByteOffset: 4096 + Int(ConsoleQueue.tail), as: UInt32.self) }
            set { base.storeBytes(of: newValue, toByteOffset: 4096 + Int(ConsoleQueue.tail), as: UInt32.self) }
        }
        subscript(data offset: Int) -> UInt8 {
            get { base.load(fromByteOffset: 4096 + Int(ConsoleQueue.data) + offset, as: UInt8.self) }
            set { base.storeBytes(of: newValue, toByteOffset: 4096 + Int(ConsoleQueue.data) + offset, as: UInt8.self) }
        }

        func name(_ address: UInt) -> String {
            switch Int(address) - Int(bitPattern: base) - 4096 {
            case Int(ConsoleQueue.head): "head"
            case Int(ConsoleQueue.tail): "tail"
            case let offset where (1024..<4096).contains(offset): "byte \(offset - Int(ConsoleQueue.data))"
            default: "nothing"
            }
        }
    }

    /// Returns the accesses of an operation.
    ///
    /// - Parameter answer: the expected result of the operation.
    private func accesses<Answer: Equatable>(answering answer: Answer, of body: () -> Answer) -> [String] {
        let recorder = AccessRecorder(naming: page.name)
        let returned = recorder.run(body)
        #expect(returned == answer)
        return recorder.accesses
    }

    private static let starts: [UInt32] = [0, 1, 2047, 2048, .max, .max - 1, .max - 2046, .max - 2047, 1 << 31]

    @Test func theByteIsWrittenBeforeTheHead() {
        (page.head, page.tail) = (2047, 2047)
        #expect(
            accesses(answering: true) { queue.put(7) }
                == ["head relaxed", "tail acquiring", "byte 2047 plain", "head = 2048 releasing"])
        #expect(
            accesses(answering: 7) { queue.take() }
                == ["tail relaxed", "head acquiring", "byte 2047 plain", "tail = 2048 releasing"])
    }

    @Test func aSideThatCannotGoOnWritesNothing() {
        #expect(accesses(answering: nil) { queue.take() } == ["tail relaxed", "head acquiring"])
        page.head = capacity
        #expect(accesses(answering: false) { queue.put(7) } == ["head relaxed", "tail acquiring"])
        #expect(accesses(answering: capacity) { queue.count } == ["head acquiring", "tail relaxed"])
        #expect(accesses(answering: false) { queue.isEmpty } == ["head acquiring", "tail relaxed"])
    }

    @Test(arguments: starts)
    func itHoldsItsCapacityAtEachCounter(first: UInt32) {
        (page.head, page.tail) = (first, first)
        #expect(queue.isEmpty && queue.count == 0)
        for index in 0..<capacity { #expect(queue.put(UInt8(truncatingIfNeeded: index &* 3))) }
        #expect(!queue.put(1) && queue.count == capacity && !queue.isEmpty)
        #expect(page.head == first &+ capacity && page.tail == first)
        for index in 0..<capacity { #expect(queue.take() == UInt8(truncatingIfNeeded: index &* 3)) }
        #expect(queue.take() == nil && queue.isEmpty)
        for offset in 0..<4096 {
            #expect(page.base.load(fromByteOffset: offset, as: UInt8.self) == 0xA5)
            #expect(page.base.load(fromByteOffset: 2 * 4096 + offset, as: UInt8.self) == 0xA5)
        }
    }

    /// The head cannot be more than the capacity ahead of the tail.
    @Test(arguments: starts, [2049, 2050, 4096, 1 << 31 - 1, 1 << 31, .max - 2048, .max - 1, .max] as [UInt32])
    func anImpossibleDistanceIsNoBytes(tail: UInt32, distance: UInt32) {
        (page.head, page.tail) = (tail &+ distance, tail)
        #expect(queue.count == capacity)
        #expect(accesses(answering: false) { queue.put(9) } == ["head relaxed", "tail acquiring"])
        // The consumer skips bytes that cannot be there, and continues behind them.
        #expect(accesses(answering: nil) { queue.take() }.count == 3)
        #expect(page.tail == page.head)
        #expect(queue.put(5) && queue.take() == 5)
    }

    /// A consumer without interest in breaks takes a break as a byte of 0, and a byte of 0 is no break.
    @Test(arguments: starts) func aBreakKeepsItsPlace(first: UInt32) {
        (page.head, page.tail) = (first, first)
        #expect(queue.put(0) && queue.putBreak() && queue.put(7) && queue.put(0))
        for expected in [0, ConsoleQueue.breakCharacter, 7, 0] { #expect(queue.takeCharacter() == expected) }
        #expect(queue.takeCharacter() == nil)
        #expect(queue.putBreak() && queue.take() == 0)
        // The later of two breaks counts.
        #expect(queue.putBreak() && queue.putBreak())
        #expect(queue.takeCharacter() == 0 && queue.takeCharacter() == ConsoleQueue.breakCharacter)
        page.tail = page.head &- capacity
        #expect(!queue.putBreak())
    }

    @Test func aByteAppearsAtOnce() {
        final class Found { var byte: UInt8? }
        let steps = playingThePeerBeforeEachAccess { step in
            (page.head, page.tail) = (3, 3)
            page[data: 3] = 1
            let found = Found()
            let recorder = AccessRecorder(before: step, naming: page.name) { found.byte = queue.take() }
            #expect(recorder.run { queue.put(9) })
            let late = queue.take()
            #expect(found.byte == nil && late == 9, "before \(recorder.accesses)")
            return recorder.peerHasActed
        }
        #expect(steps == 4)
    }

    @Test func aPlaceIsFreeOnceItHasBeenRead() {
        let steps = playingThePeerBeforeEachAccess { step in
            (page.head, page.tail) = (capacity, 0)
            page[data: 0] = 1
            let recorder = AccessRecorder(before: step, naming: page.name) { _ = queue.put(9) }
            #expect(recorder.run { queue.take() } == 1, "before \(recorder.accesses)")
            return recorder.peerHasActed
        }
        #expect(steps == 4)
    }
}
