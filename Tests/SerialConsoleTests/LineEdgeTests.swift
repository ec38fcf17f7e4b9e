import ABI
import Testing

@testable import SerialConsole

private let escape = ConsoleChannel.escape
private let half = Int(ConsoleQueue.capacity / 2)

/// The exact bytes on the line, and the limits of turns and looks.
@Suite struct LineOutputEdgeTests {
    private var clients = FakeClients(count: 3)
    private var port = FakePort(depth: .max)
    private var console = SerialConsole(clients: 3, patience: 10, isRestarted: false)

    private mutating func look() -> [UInt8] {
        let before = port.sent.count
        console.look(&port, &clients, at: 0)
        port.pass(.max)
        return Array(port.sent[before...])
    }

    @Test mutating func aSpeakerIsNamedWhenItChanges() {
        clients.outputs[1] = [0x61]
        #expect(look() == channelSwitch(1) + channelSwitch(1) + [0x61], "twice at first")
        clients.outputs[1] = [0x62]
        #expect(look() == [0x62])
        clients.outputs[2] = [0x63]
        #expect(look() == channelSwitch(2) + [0x63])
        clients.outputs = [[0x64], [0x65], [0x66]]
        #expect(look() == channelSwitch(0) + [0x64] + channelSwitch(1) + [0x65] + channelSwitch(2) + [0x66])
        #expect(look().isEmpty && !console.hasMore)
    }

    /// A look that finds no output gives the turn to no client.
    @Test mutating func aLookForNothingChangesNoOrder() {
        clients.outputs[1] = [0x61]
        _ = look()
        #expect(look().isEmpty)
        clients.outputs = [[0x64], [0x65], [0x66]]
        #expect(look() == channelSwitch(2) + [0x66] + channelSwitch(0) + [0x64] + channelSwitch(1) + [0x65])
    }

    @Test mutating func turnsHaveTheirLength() {
        for client in 0..<2 { clients.outputs[client] = Array(repeating: 0x61 + UInt8(client), count: 300) }
        let runs = look().split(separator: escape).dropFirst().map { $0.dropFirst() }
        // A switch begins each turn: its second byte is the channel.
        #expect(runs.map(\.count) == [128, 128, 128, 128, 44, 44])
        #expect(runs.map(\.first) == [0x62, 0x61, 0x62, 0x61, 0x62, 0x61])
    }

    /// An escape is one byte of a turn, and two on the line.
    @Test mutating func anEscapeIsDoubled() {
        clients.outputs[1] = Array(repeating: escape, count: 128) + [0x62]
        clients.outputs[2] = [0x63]
        let bytes = look()
        #expect(
            bytes == channelSwitch(1) + channelSwitch(1) + Array(repeating: escape, count: 256)
                + channelSwitch(2) + [0x63]
                + channelSwitch(1) + [0x62])
    }

    /// 2048 steps: four bytes of the first switch, two of each other, one question per turn, and the bytes.
    @Test func theWorkOfALookIsCounted() {
        var clients = FakeClients(count: 59)
        clients.talkers = Set(0..<clients.count)
        var port = FakePort(depth: .max)
        var console = SerialConsole(clients: clients.count, patience: 10, isRestarted: false)
        console.look(&port, &clients, at: 0)
        port.pass(.max)
        let turns = 1 + (LineOutput.work - (1 + 4 + LineOutput.turn) + 2 + LineOutput.turn) / (1 + 2 + LineOutput.turn)
        #expect(port.sent.count == LineOutput.work - turns)
    }

    /// A byte more than a look sends is left for the next.
    @Test mutating func aLookLeavesInputThatItDoesNotReach() {
        for (count, isLeft) in [(LineOutput.work - 20 - 35, false), (LineOutput.work, true)] {
            clients.outputs[1] = Array(repeating: 0x61, count: count)
            _ = look()
            #expect(console.hasMore == isLeft && clients.outputs[1].isEmpty == !isLeft)
        }
        _ = look()
        #expect(!console.hasMore && clients.outputs[1].isEmpty)
    }

    @Test mutating func aClientThatTakesItsOutputBackHoldsUpNobody() {
        clients.liars = [0, 1]
        clients.outputs[2] = Array("honest".utf8)
        _ = look()
        #expect(console.hasMore && port.channels == [3: Array("honest".utf8)])
        clients.liars = []
        _ = look()
        #expect(!console.hasMore)
    }

    /// Bytes that a full line did not accept go first, in their order.
    @Test func aFullLineLosesNothing() {
        var clients = FakeClients(count: 2)
        clients.outputs = [[escape, 0x61, escape], [escape, escape, 0x62]]
        var port = FakePort(depth: 1)
        var console = SerialConsole(clients: 2, patience: 10, isRestarted: false)
        let expected =
            channelSwitch(1) + channelSwitch(1) + [escape, escape, escape, escape, 0x62] + channelSwitch(0)
            + [escape, escape, 0x61, escape, escape]
        for count in 1...expected.count {
            console.look(&port, &clients, at: 0)
            #expect(console.hasMore == (count < expected.count))
            port.pass(1)
            #expect(port.sent == Array(expected.prefix(count)))
        }
    }

    // MARK: Room

    @Test(arguments: [(half - 1, 0), (half, 1), (half + 1, 1)])
    func aRingThatWasHalfFullIsTold(count: Int, wakeUps: Int) {
        var clients = FakeClients(count: 2)
        clients.outputs[1] = Array(repeating: 0x61, count: count)
        var port = FakePort(depth: .max)
        var console = SerialConsole(clients: 2, patience: 10, isRestarted: false)
        for _ in 0..<4 { console.look(&port, &clients, at: 0) }
        #expect(clients.wakeUps == [0, wakeUps])
    }

    /// A queue has room once more than half of it is free. 1024 bytes in the queue are too many, and 1023 are not.
    @Test func roomIsLessThanHalf() {
        var clients = FakeClients(count: 1)
        clients.outputs[0] = Array(repeating: 0x61, count: half + 1)
        // The four bytes of the switch, and one of the client.
        var port = FakePort(depth: 5)
        var console = SerialConsole(clients: 1, patience: 10, isRestarted: false)
        console.look(&port, &clients, at: 0)
        #expect(clients.outputs[0].count == half && clients.wakeUps == [0])
        port.pass(1)
        console.look(&port, &clients, at: 0)
        #expect(clients.outputs[0].count == half - 1 && clients.wakeUps == [1])
    }

    @Test func aRestartedDriverTellsEachClientOnce() {
        for count in [1, 2, 64, 65, ConsoleChannel.maximum - 1] {
            var clients = FakeClients(count: count)
            var port = FakePort()
            var console = SerialConsole(clients: count, patience: 10, isRestarted: true)
            for _ in 0..<2 { console.look(&port, &clients, at: 0) }
            #expect(clients.wakeUps == Array(repeating: 1, count: count))
        }
    }

    /// A client that has room is told, and the others are told when they have some.
    @Test func eachClientIsToldInItsTurn() {
        var clients = FakeClients(count: 3)
        for client in 0..<2 { clients.outputs[client] = Array(repeating: 0x61, count: half) }
        var port = FakePort(depth: 0)
        var console = SerialConsole(clients: 3, patience: 10, isRestarted: true)
        for (empty, wakeUps) in [(nil, [0, 0, 1]), (1, [0, 1, 1]), (0, [1, 1, 1])] as [(Int?, [Int])] {
            if let empty { clients.outputs[empty] = [] }
            console.look(&port, &clients, at: 0)
            #expect(clients.wakeUps == wakeUps)
        }
    }

    @Test func aClientIsWokenOnceForInputAndRoom() {
        var clients = FakeClients(count: 2)
        clients.outputs[1] = Array(repeating: 0x61, count: half)
        var port = FakePort(depth: .max)
        port.type("in", to: 1)
        var console = SerialConsole(clients: 2, patience: 10, isRestarted: false)
        console.look(&port, &clients, at: 0)
        #expect(clients.wakeUps == [0, 1] && clients.inputs[1] == Array("in".utf8))
    }

    @Test func aSetHoldsTheClientsThatWereInserted() {
        for count in [0, 1, 63, 64, 65, 128, 255, 256] {
            var set = ClientSet(count: count)
            #expect((0..<256).allSatisfy { set.contains($0) == ($0 < count) })
            #expect((0..<count).allSatisfy { set.removeFirst() == $0 } && set.removeFirst() == nil)
        }
        var set = ClientSet()
        for client in [2, 0, 255, 63, 64, 130, 63] { set.insert(client) }
        for client in [2, 66, 1, 130, 254] { set.remove(client) }
        #expect((0..<256).filter { set.contains($0) } == [0, 63, 64, 255])
        #expect((0..<5).map { _ in set.removeFirst() } == [0, 63, 64, 255, nil])
    }

    /// Each channel up to 255 has its bytes on the line, in both directions.
    @Test func everyClientHasItsChannel() {
        let count = ConsoleChannel.maximum - 1
        var clients = FakeClients(count: count)
        for client in 0..<count { clients.outputs[client] = [escape, UInt8(client)] }
        var port = FakePort(depth: .max)
        for client in 0..<count { port.type("\(client)", to: client) }
        var console = SerialConsole(clients: count, patience: 10, isRestarted: false)
        var looks: UInt64 = 0
        repeat {
            console.look(&port, &clients, at: looks)
            looks += 1
        } while console.hasMore
        port.pass(.max)
        #expect(looks < 10)
        for client in 0..<count {
            #expect(port.channels[UInt8(client + 1)] == [escape, UInt8(client)])
            #expect(clients.inputs[client] == Array("\(client)".utf8) && (1...2).contains(clients.wakeUps[client]))
        }
    }

    /// Any number of clients hardly slows down one of them that prints.
    @Test func silentClientsCostATalkerLittle() {
        var clients = FakeClients(count: ConsoleChannel.maximum - 1)
        clients.talkers = [200]
        var port = FakePort(depth: .max)
        var console = SerialConsole(clients: clients.count, patience: 10, isRestarted: false)
        console.look(&port, &clients, at: 0)
        port.pass(.max)
        // A line of 115,200 baud takes 11 bytes in the time of a look.
        #expect(port.sent.count > 50 * 11)
    }
}

/// The owner of input, the time for which it waits, and its loss.
@Suite struct LineInputEdgeTests {
    private var port = FakePort()
    private var clients = FakeClients(count: 3)
    private var console = SerialConsole(clients: 3, patience: 100, isRestarted: false)

    private mutating func look(at moment: UInt64) { console.look(&port, &clients, at: moment) }

    @Test mutating func inputBeforeTheFirstSwitchIsNobodys() {
        port.typed = [0x61, escape, escape]
        look(at: 0)
        #expect(clients.inputs == [[], [], []] && clients.wakeUps == [0, 0, 0] && !console.hasMore)
    }

    @Test mutating func onlyTheClientsChannelsAreTaken() {
        let owners: [(UInt8, Int?)] = [
            (0x3F, nil), (0x40, nil), (0x41, 0), (0x43, 2), (0x44, nil), (0x7B, nil), (0x80, nil), (0xFF, nil),
            (0, nil),
        ]
        for (byte, client) in owners {
            clients.inputs = [[], [], []]
            port.typed = [escape, byte, 0x61]
            look(at: 0)
            #expect(clients.inputs == (0..<3).map { $0 == client ? [0x61] : [] }, "\(byte)")
        }
    }

    /// Looks may cut a switch of two bytes. A switch that was cut for good ends with the next one.
    @Test mutating func aWideSwitchIsReadByteByByte() {
        var clients = FakeClients(count: 255)
        var console = SerialConsole(clients: 255, patience: 100, isRestarted: false)
        for byte in [escape, 0x7F, 0x7F, 0x61, escape, 0x7C, escape, 0x41, 0x62, escape, 0x7D, 0x40, 0x63] as [UInt8] {
            port.typed = [byte]
            console.look(&port, &clients, at: 0)
        }
        for bad in [0x3F, 0x80, 0] as [UInt8] { port.typed += [escape, 0x7E, bad, 0x64] }
        console.look(&port, &clients, at: 0)
        #expect(clients.inputs[254] == [0x61] && clients.inputs[0] == [0x62] && clients.inputs[63] == [0x63])
        #expect(clients.inputs.map(\.count).reduce(0, +) == 3)
    }

    @Test mutating func anEscapeIsADoubleEscapeAlsoAcrossLooks() {
        port.typed = channelSwitch(1) + [escape, escape, 0x61, escape]
        look(at: 0)
        port.typed = [escape, 0x62, escape]
        look(at: 0)
        port.typed = [0x41, 0x63]
        look(at: 0)
        #expect(clients.inputs == [[0x63], [escape, 0x61, escape, 0x62], []])
    }

    /// A break goes to the client of the channel, among its bytes, and a full queue holds it as it holds a byte.
    @Test mutating func aBreakKeepsItsPlace() {
        port.typed = [escape, 0x21] + channelSwitch(1) + [0x61, escape]
        look(at: 0)
        port.typed = [0x21, 0x62, 0x21]
        look(at: 0)
        #expect(clients.inputs == [[], [0x61, 0, 0x62, 0x21], []] && clients.breaks == [1: [1]])
        clients.inputRoom[1] = 4
        port.typed = [escape, 0x21, 0x63]
        look(at: 0)
        #expect(console.hasMore && clients.inputs[1].count == 4)
        clients.inputRoom[1] = 9
        look(at: 1)
        #expect(!console.hasMore && clients.inputs[1].suffix(2) == [0, 0x63] && clients.breaks == [1: [1, 4]])
    }

    @Test mutating func aLookTakesSoMuchAndNoMore() {
        for (count, hasMore) in [(LineInput.work - 1, false), (LineInput.work, true), (LineInput.work + 1, true)] {
            port.typed = Array(repeating: 0x61, count: count)
            look(at: 0)
            #expect(console.hasMore == hasMore && port.typed.count == max(0, count - LineInput.work))
            look(at: 0)
            #expect(!console.hasMore && port.typed.isEmpty)
        }
    }

    /// The patience begins when the byte is held, and not at the start of the clock.
    @Test mutating func aHeldByteWaitsForItsPatience() {
        clients.inputRoom[0] = 0
        port.type("x", to: 0)
        port.type("y", to: 1)
        for moment in [1000, 1050, 1099] as [UInt64] {
            look(at: moment)
            #expect(console.hasMore && clients.inputs[1].isEmpty && clients.wakeUps == [0, 0, 0])
        }
        look(at: 1100)
        #expect(!console.hasMore && clients.inputs == [[], [0x79], []] && clients.wakeUps == [0, 1, 0])
    }

    @Test mutating func aHeldByteComesFirstAndOnce() {
        clients.inputRoom[0] = 1
        port.typed = channelSwitch(0) + [0x61, escape, escape, 0x62]
        look(at: 0)
        #expect(clients.inputs[0] == [0x61] && console.hasMore)
        clients.inputRoom[0] = 9
        look(at: 1)
        #expect(clients.inputs[0] == [0x61, escape, 0x62] && !console.hasMore)
        #expect(clients.wakeUps[0] == 2)
        look(at: 2)
        #expect(clients.inputs[0] == [0x61, escape, 0x62] && clients.wakeUps[0] == 2)
    }

    /// The driver drops input only of the client that did not read. It waits for another client with a full queue.
    @Test mutating func eachClientIsWaitedForOnItsOwn() {
        clients.inputRoom = [0, 0, 9]
        port.type("aa", to: 0)
        port.type("b", to: 1)
        port.type("c", to: 2)
        look(at: 0)
        look(at: 100)
        #expect(console.hasMore && clients.inputs[2].isEmpty, "the second one is waited for as well")
        look(at: 199)
        #expect(clients.inputs[2].isEmpty)
        look(at: 200)
        #expect(clients.inputs == [[], [], [0x63]] && !console.hasMore)
        // The driver drops input of both until they have room.
        port.type("a", to: 0)
        port.type("b", to: 1)
        look(at: 201)
        #expect(!console.hasMore)
        clients.inputRoom = [1, 0, 9]
        port.type("ad", to: 0)
        look(at: 202)
        #expect(clients.inputs[0] == [0x61] && console.hasMore, "the first one has read, and is waited for again")
    }

    /// A client that reads just before the patience ends gets the byte, and further input.
    @Test mutating func roomAtTheLastMomentIsUsed() {
        clients.inputRoom[0] = 0
        port.type("ab", to: 0)
        look(at: 0)
        clients.inputRoom[0] = 1
        look(at: 100)
        #expect(clients.inputs[0] == [0x61] && console.hasMore, "'b' waits anew")
        look(at: 199)
        #expect(console.hasMore)
        look(at: 200)
        #expect(!console.hasMore)
    }
}

@Suite struct LookScheduleEdgeTests {
    @Test func aLookIsDueWhenItsIntervalIsOver() {
        var schedule = LookSchedule(interval: 100)
        #expect(schedule.next(at: 50, hasMore: false, takeCalls: { false }) == .look, "the first one is due at once")
        #expect(schedule.next(at: 50, hasMore: true, takeCalls: { true }) == .sleep(until: 150))
        #expect(schedule.next(at: 149, hasMore: true, takeCalls: { true }) == .sleep(until: 150))
        #expect(schedule.next(at: 150, hasMore: true, takeCalls: { false }) == .look)
        #expect(schedule.next(at: 250, hasMore: false, takeCalls: { false }) == .listen)
        #expect(schedule.next(at: 250, hasMore: false, takeCalls: { true }) == .look)
        #expect(schedule.next(at: 300, hasMore: false, takeCalls: { false }) == .sleep(until: 350))
        schedule.heard()
        #expect(schedule.next(at: 350, hasMore: false, takeCalls: { false }) == .look)
        #expect(schedule.next(at: 450, hasMore: false, takeCalls: { false }) == .listen, "that call has been served")
    }

    /// The driver takes signals at each look and leaves them while it sleeps, so that none is lost or counts twice.
    @Test func callsAreTakenWithTheLookThatServesThem() {
        var schedule = LookSchedule(interval: 100)
        var asked = 0
        func take() -> Bool {
            asked += 1
            return false
        }
        let steps: [(UInt64, Bool, Int)] = [
            (0, true, 1), (1, true, 1), (99, false, 1), (100, true, 2), (200, false, 3),
        ]
        for (moment, hasMore, total) in steps {
            _ = schedule.next(at: moment, hasMore: hasMore, takeCalls: take)
            #expect(asked == total)
        }
    }
}
