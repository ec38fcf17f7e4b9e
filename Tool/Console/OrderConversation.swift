import DiskOrders
import Foundation
import SystemImage

/// A console on which orders are typed, and whose output has the replies.
protocol OrderChannel {
    func type(_ bytes: some Sequence<UInt8>) throws
    /// Returns the next output. It is empty if there is none for `patience`, and nil at the system's end.
    func read(patience: Duration) -> [UInt8]?
}

extension ConsoleClient: OrderChannel {}

/// The orders to the disk control of a running system, and its replies.
///
/// The disk control performs one order after the other, and tells each second that an order is under way. If it dies,
/// nobody answers the order. So after some silence the tool asks whether somebody reads the console. The answer to
/// that question cannot overtake the reply to an order, so if it comes alone, the order is lost.
struct OrderConversation<Channel: OrderChannel> {
    let channel: Channel
    /// The time for which the system may leave an order without any reply.
    var patience = Duration.seconds(60)
    /// The time without a reply after which the tool asks whether somebody reads the console.
    var silence = Duration.seconds(5)
    /// The time between two greetings.
    var greetingPause = Duration.seconds(2)
    private var splitter = LineSplitter()
    private var waiting: [DiskReply] = []

    init(_ channel: Channel) { self.channel = channel }

    private static func token() -> UInt64 { .random(in: 1...UInt64(UInt32.max)) }

    /// Waits until the disk control reads its console. Text typed before that can be lost, and an order must not be
    /// typed twice. Returns false if nobody reads it.
    mutating func greet() throws -> Bool {
        let deadline = ContinuousClock.now + patience
        let token = Self.token()
        while ContinuousClock.now < deadline {
            try greet(token)
            if try reply(to: [token], within: greetingPause) != nil { return true }
        }
        return false
    }

    private func greet(_ token: UInt64) throws {
        // The line feed in front ends a line of which a part was lost.
        try channel.type([0x0A] + DiskOrder(token: token, .hello).line + [0x0A])
    }

    /// The end of an order.
    enum Outcome: Equatable {
        case done
        case refused(DiskRefusal)
        /// Nobody answers.
        case silent
    }

    /// Sends an order and passes its replies on, up to the last one.
    mutating func perform(
        _ verb: DiskOrder.Verb, _ boardDisk: Int, _ heard: (DiskReply.Content) -> Void
    ) throws -> Outcome {
        let order = DiskOrder(token: Self.token(), verb, boardDisk: UInt64(boardDisk))
        try channel.type(order.line + [0x0A])
        var question: UInt64?
        while true {
            let tokens = [order.token] + (question.map { [$0] } ?? [])
            guard let reply = try reply(to: tokens, within: question == nil ? silence : patience) else {
                if question != nil { return .silent }
                let token = Self.token()
                question = token
                try greet(token)
                continue
            }
            if reply.token != order.token { return .refused(.unknown) }
            question = nil
            switch reply.content {
            case .done: return .done
            case .refused(let refusal): return .refused(refusal)
            case .running, .pool, .disk: heard(reply.content)
            }
        }
    }

    /// Returns the next reply with one of the tokens, or nil if none comes in time. Others are for other users of the
    /// console.
    private mutating func reply(to tokens: [UInt64], within patience: Duration) throws -> DiskReply? {
        let deadline = ContinuousClock.now + patience
        while true {
            if let index = waiting.firstIndex(where: { tokens.contains($0.token) }) {
                let reply = waiting[index]
                waiting.removeFirst(index + 1)
                return reply
            }
            waiting.removeAll()
            guard ContinuousClock.now < deadline else { return nil }
            guard let bytes = channel.read(patience: deadline - .now) else { throw ConsoleClient.ended }
            for line in splitter.take(bytes) {
                let line = line.trimmingCharacters(in: .whitespacesAndNewlines)
                if let reply = DiskReply(line: Array(line.utf8)) { waiting.append(reply) }
            }
        }
    }
}
