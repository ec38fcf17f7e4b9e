import ABI
import EntenteTesting

@testable import Entente

/// Gives prepared answers one after the other, and records the requests. After the last answer it returns `badState`.
final class ScriptedKernel: KernelStandIn, @unchecked Sendable {
    struct Request: Equatable {
        var operation: ABI.Operation
        var slot: UInt32
        var form: UInt32
        var words: [UInt64]

        init(_ operation: ABI.Operation, _ slot: UInt32, _ form: UInt32 = 0, _ words: [UInt64] = []) {
            self.operation = operation
            self.slot = slot
            self.form = form
            self.words = words + Array(repeating: 0, count: 6 - words.count)
        }
    }

    var answers: [Answer] = []
    private(set) var asked: [Request] = []
    /// The message page's `receiveSlots` at each request.
    private(set) var prepared: [UInt64] = []
    var hasWaitedInVain = false
    var counter: UInt64 = 0
    var counterFrequency: UInt64 = 3
    let component = FakeKernel().component("scripted")

    func address(_ componentAddress: UInt64) -> UInt64 { component.address(componentAddress) }

    func invoke(_ operation: ABI.Operation, _ selector: Selector, _ words: Words) -> Answer {
        asked.append(
            Request(
                operation, selector.slot, selector.form, [words.w0, words.w1, words.w2, words.w3, words.w4, words.w5]))
        prepared.append(MessageMemory.current.receiveSlots)
        return answers.isEmpty ? Answer(rawStatus: Status.badState.rawValue) : answers.removeFirst()
    }

    /// Runs code above this kernel with these answers, and forgets earlier requests.
    func run<Result>(_ answers: [Answer], _ body: () throws -> Result) rethrows -> Result {
        self.answers = answers
        asked = []
        prepared = []
        return try HostKernel.$current.withValue(self) { try body() }
    }
}

/// Returns an answer of the kernel. `count` is the number of words that came, if that is more than six.
func answer(
    _ status: Status, tag: UInt64 = 0, _ words: UInt64..., capabilities: UInt64 = 0, count: UInt64 = 0
) -> Answer {
    let all = words + Array(repeating: 0, count: 6 - words.count)
    return Answer(
        rawStatus: status.rawValue | capabilities << ArrivalBits.capabilitiesShift | count << ArrivalBits.lengthShift,
        tag: tag, words: Words(all[0], all[1], all[2], all[3], all[4], all[5]))
}
