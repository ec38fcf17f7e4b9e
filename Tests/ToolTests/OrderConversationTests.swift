import DiskOrders
import DiskPool
import Testing

@testable import Tool

/// The tool's part of the conversation with the disk control of a running system.
@Suite struct OrderConversationTests {
    /// A disk control that answers as `answer` says.
    private final class FakeControl: OrderChannel {
        private(set) var orders: [DiskOrder] = []
        private var output: [[UInt8]] = []
        /// Returns the replies to an order, whose number is the second argument.
        private let answer: (DiskOrder, Int) -> [DiskReply.Content]

        init(_ answer: @escaping (DiskOrder, Int) -> [DiskReply.Content]) { self.answer = answer }

        func type(_ bytes: some Sequence<UInt8>) {
            for line in Array(bytes).split(separator: 0x0A) {
                guard let order = DiskOrder(line: line) else { continue }
                orders.append(order)
                let replies = answer(order, orders.count).map { DiskReply(token: order.token, $0) }
                // Replies to other users of the console come as well.
                let other = DiskReply(token: order.token &+ 1, .refused(.busy))
                for reply in [other] + replies { output.append(reply.line + [0x0D, 0x0A]) }
            }
        }

        func read(patience: Duration) -> [UInt8]? { output.isEmpty ? [] : output.removeFirst() }
    }

    private static let disk = PoolName(Array("disk".utf8)) ?? PoolName()

    private func conversation(with control: FakeControl) -> OrderConversation<FakeControl> {
        var conversation = OrderConversation(control)
        (conversation.patience, conversation.silence) = (.milliseconds(20), .milliseconds(5))
        conversation.greetingPause = .milliseconds(2)
        return conversation
    }

    @Test(arguments: [DiskReply.Content.done, .refused(.isInUse)])
    func anOrderIsAnswered(last: DiskReply.Content) throws {
        let control = FakeControl { _, _ in [.running, .running, last] }
        var talk = conversation(with: control)
        var heard: [DiskReply.Content] = []
        let outcome = try talk.perform(.delete(Self.disk), 3) { heard.append($0) }
        #expect(outcome == (last == .done ? .done : .refused(.isInUse)) && heard == [.running, .running])
        #expect(control.orders.map(\.verb) == [.delete(Self.disk)] && control.orders[0].boardDisk == 3)
    }

    /// A disk control that dies with an order reads the next line only.
    @Test func aLostOrderIsNoticed() throws {
        let control = FakeControl { order, _ in order.verb == .hello ? [.done] : [] }
        var talk = conversation(with: control)
        #expect(try talk.perform(.delete(Self.disk), 0) { _ in } == .refused(.unknown))
        #expect(control.orders.map(\.verb) == [.delete(Self.disk), .hello])
        #expect(Set(control.orders.map(\.token)).count == 2)
    }

    /// An order that takes its time is not lost, although the tool has asked meanwhile.
    @Test func aSlowOrderIsNotLost() throws {
        var late: UInt64?
        let control = FakeControl { order, _ in
            if order.verb == .hello { return [] }
            late = order.token
            return []
        }
        final class Slow: OrderChannel {
            let control: FakeControl
            let reply: () -> UInt64?
            init(_ control: FakeControl, _ reply: @escaping () -> UInt64?) {
                (self.control, self.reply) = (control, reply)
            }
            func type(_ bytes: some Sequence<UInt8>) { control.type(bytes) }
            func read(patience: Duration) -> [UInt8]? {
                guard control.orders.count == 2, let token = reply() else { return [] }
                let greeting = DiskReply(token: control.orders[1].token, .done)
                return DiskReply(token: token, .done).line + [0x0A] + greeting.line + [0x0A]
            }
        }
        var talk = OrderConversation(Slow(control) { late })
        (talk.patience, talk.silence) = (.seconds(60), .milliseconds(5))
        #expect(try talk.perform(.delete(Self.disk), 0) { _ in } == .done)
    }

    @Test func silenceEnds() throws {
        let control = FakeControl { _, _ in [] }
        var talk = conversation(with: control)
        #expect(try !talk.greet() && control.orders.allSatisfy { $0.verb == .hello })
        #expect(try talk.perform(.list, 0) { _ in } == .silent)
    }

    @Test func aGreetingIsRepeated() throws {
        let control = FakeControl { _, number in number < 3 ? [] : [.done] }
        var talk = conversation(with: control)
        talk.patience = .seconds(60)
        #expect(try talk.greet() && control.orders.count == 3)
    }
}
