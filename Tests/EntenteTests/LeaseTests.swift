import ABI
import Testing

@testable import Entente
import EntenteTesting

/// A server accesses memory that its caller has lent, at the edges of the lease, with each answer that the kernel may
/// give.
@Suite struct LeaseTests {
    /// Answers the copies of a test one after the other, and records the requests.
    private final class Copier: KernelStandIn, @unchecked Sendable {
        var answers: [Answer]
        var asked: [[UInt64]] = []
        var hasWaitedInVain = false
        let pages = FakeKernel().component("pages")
        var counter: UInt64 { 0 }
        var counterFrequency: UInt64 { 1 }
        init(_ answers: [Answer]) { self.answers = answers }

        func address(_ componentAddress: UInt64) -> UInt64 { pages.address(componentAddress) }
        func invoke(_ operation: ABI.Operation, _ selector: Selector, _ words: Words) -> Answer {
            #expect(operation == .copy && selector.slot == 0)
            asked.append([UInt64(selector.form), words.w0, words.w1, words.w2])
            return answers.isEmpty ? Answer(rawStatus: Status.badState.rawValue) : answers.removeFirst()
        }
    }

    private func part(_ size: UInt64) -> Answer { Answer(rawStatus: Status.again.rawValue, words: Words(size)) }
    private func status(_ status: Status) -> Answer { Answer(rawStatus: status.rawValue) }

    /// Returns a lease of this many bytes, as a server receives it.
    private func lease<Access: LeaseAccess>(_ count: UInt64, _ access: Access.Type) -> Lease<Access> {
        var message = IncomingMessage(Answer(rawStatus: ArrivalBits.lease, words: Words(count)), caller: 1)
        return Lease<Access>.take(from: &message)!
    }

    private func read(_ count: UInt64, at offset: Int, size: Int, _ copier: Copier) -> LeaseError? {
        HostKernel.$current.withValue(copier) {
            var bytes = [UInt8](repeating: 0, count: size)
            var span = bytes.mutableSpan
            do throws(LeaseError) {
                try lease(count, Reading.self).read(into: &span, at: offset)
                return nil
            } catch {
                return error
            }
        }
    }

    @Test func anAccessEndsWhereTheLeaseEnds() {
        for (offset, size) in [(0, 100), (99, 1), (50, 50), (1, 99)] {
            let copier = Copier([status(.ok)])
            #expect(read(100, at: offset, size: size, copier) == nil)
            let asked = copier.asked.map { [$0[0], $0[1], $0[3]] }
            #expect(asked == [[UInt64(CopyForm.read.rawValue), UInt64(offset), UInt64(size)]])
        }
        for (offset, size) in [(0, 101), (100, 1), (51, 50), (-1, 1), (101, 0), (.max, 1), (.min, 1)] {
            let copier = Copier([status(.ok)])
            #expect(read(100, at: offset, size: size, copier) == .outOfRange)
            #expect(copier.asked.isEmpty)
        }
        // A copy of no bytes at the very end is no access.
        let copier = Copier([])
        #expect(read(100, at: 100, size: 0, copier) == nil && copier.asked.isEmpty)
    }

    @Test func aCopyGoesOnWhereTheKernelStopped() throws {
        let copier = Copier([part(10), part(1), status(.ok)])
        #expect(read(100, at: 5, size: 80, copier) == nil)
        let own = try #require(copier.asked.first)[2]
        #expect(
            copier.asked.map { Array($0.dropFirst()) } == [[5, own, 80], [15, own + 10, 70], [16, own + 11, 69]])
        // The kernel copies everything in pieces, and answers `again` even after the last one.
        let pieces = Copier([part(40), part(40)])
        #expect(read(100, at: 0, size: 80, pieces) == nil && pieces.asked.count == 2)
    }

    @Test func eachRefusalHasItsError() {
        for (answer, error) in [
            (status(.badAddress), .badAddress), (status(.noRights), .badAddress), (status(.badArgument), .outOfRange),
            (status(.badState), .ended), (status(.dead), .ended), (part(0), .ended),
        ] as [(Answer, LeaseError)] {
            let copier = Copier([part(3), answer])
            #expect(read(100, at: 0, size: 80, copier) == error && copier.asked.count == 2)
        }
    }

    @Test func writingAndWordsAreCopiesToo() {
        let copier = Copier([status(.ok), status(.ok)])
        HostKernel.$current.withValue(copier) {
            let bytes = [UInt32](repeating: 1, count: 5)
            try? lease(100, Writing.self).write(bytes.span, at: 80)
            _ = try? lease(100, Reading.self).word(at: 92)
            #expect(throws: LeaseError.outOfRange) { try lease(100, Writing.self).write(bytes.span, at: 81) }
            #expect(throws: LeaseError.outOfRange) { try lease(100, Reading.self).word(at: 93) }
        }
        #expect(
            copier.asked.map { [$0[0], $0[1], $0[3]] } == [
                [UInt64(CopyForm.write.rawValue), 80, 20], [UInt64(CopyForm.read.rawValue), 92, 8],
            ])
    }

    /// The rights in the message are those of the lease, and the size that of the numbers in bytes.
    @Test func aLeaseSaysWhatItLends() {
        let component = FakeKernel().component("lender")
        component.run {
            var numbers = [UInt32](repeating: 0, count: 5)
            func sent(_ append: (inout OutgoingMessage) -> Void) -> [UInt64] {
                var message = OutgoingMessage(1)
                append(&message)
                #expect(message.hasLease && message.shape.hasLease)
                let base = component.address(ComponentLayout.messagePages) + MessagePage.lease
                // SAFETY: the record lies in the fake component's message page.
                let record = unsafe UnsafePointer<UInt64>(bitPattern: UInt(base))!
                return unsafe [message.words.w1, record[0], record[1], record[2]]
            }
            let address = numbers.withUnsafeBytes { UInt64(UInt(bitPattern: $0.baseAddress)) }
            let reading = Lease<Reading>.lending(numbers.span) { lease in sent { lease.append(to: &$0) } }
            #expect(reading == [20, address, 20, UInt64(Rights.read.rawValue)])
            var span = numbers.mutableSpan
            let writing = Lease<Writing>.lending(&span) { lease in sent { lease.append(to: &$0) } }
            #expect(writing == [20, address, 20, UInt64(Rights.write.rawValue)])
        }
    }
}
