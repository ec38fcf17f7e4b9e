import ABI
import Testing

@testable import SerialConsole

/// A tick is a microsecond in these tests.
private let millisecond: UInt64 = 1000
private let patience = 500 * millisecond

@Suite struct LineOutputTests {
    /// Runs a line that takes 11 bytes in a millisecond, as one of 115,200 baud does.
    private func run(_ clients: inout FakeClients, milliseconds: Int, speed: Int = 11) -> FakePort {
        var port = FakePort()
        var console = SerialConsole(clients: clients.count, patience: patience, isRestarted: false)
        for moment in 0..<UInt64(milliseconds) {
            console.look(&port, &clients, at: moment * millisecond)
            port.pass(speed)
        }
        return port
    }

    /// In an earlier version each look began with client 0 when the line was full, and client 3 never got a byte.
    @Test func onAFullLineTwoTalkersGetTheSame() {
        var clients = FakeClients(count: 5)
        clients.talkers = [1, 3]
        let channels = run(&clients, milliseconds: 5000).channels
        let (one, three) = (channels[2, default: []].count, channels[4, default: []].count)
        #expect(one + three > 5000 * 11 * 98 / 100)
        #expect(abs(one - three) <= LineOutput.turn)
    }

    @Test func amongTalkersASingleLineArrivesWithinOneRound() {
        var clients = FakeClients(count: 8)
        clients.talkers = [0, 1, 2]
        clients.outputs[7] = Array("beat\n".utf8)
        // The time covers three turns with their switches, and the contents of the FIFO.
        let milliseconds = (3 * (LineOutput.turn + 2) + 32 + 4 + 7) / 11 + 2
        let channels = run(&clients, milliseconds: milliseconds).channels
        #expect(channels[8] == Array("beat\n".utf8))
    }

    @Test func aLookEndsAlthoughClientsPrintWithoutEnd() {
        var clients = FakeClients(count: ConsoleChannel.maximum - 1)
        clients.talkers = Set(0..<clients.count)
        var port = FakePort(depth: .max)
        var console = SerialConsole(clients: clients.count, patience: patience, isRestarted: false)
        console.look(&port, &clients, at: 0)
        port.pass(.max)
        #expect(port.sent.count <= LineOutput.work)
        #expect(port.sent.count > LineOutput.work * 9 / 10)
        #expect(console.hasMore)
    }

    /// The next look continues where the last one stopped, even if the line was never full.
    @Test func allClientsGetTurnsWhenALookDoesNotReachThemAll() {
        var clients = FakeClients(count: ConsoleChannel.maximum - 1)
        clients.talkers = Set(0..<clients.count)
        var port = FakePort(depth: .max)
        var console = SerialConsole(clients: clients.count, patience: patience, isRestarted: false)
        for moment in 0..<UInt64(170) { console.look(&port, &clients, at: moment) }
        port.pass(.max)
        let channels = port.channels.values.map(\.count)
        #expect(channels.count == ConsoleChannel.maximum - 1)
        #expect(channels.max()! - channels.min()! <= LineOutput.turn)
    }

    @Test func escapesAndSwitchesSurviveALineThatIsFull() {
        var clients = FakeClients(count: 3)
        let texts = (0..<3).map { client in
            (0..<700).map { UInt8(truncatingIfNeeded: $0 % 3 == 0 ? 0x1E : $0 &* 7 &+ client) }
        }
        clients.outputs = texts
        let channels = run(&clients, milliseconds: 6000, speed: 1).channels
        for client in 0..<3 { #expect(channels[UInt8(client + 1)] == texts[client]) }
    }

    @Test func aClientThatFilledItsRingIsToldOnceThereIsRoom() {
        var clients = FakeClients(count: 2)
        clients.outputs[1] = Array(repeating: 0x61, count: Int(ConsoleRing.capacity))
        clients.outputs[0] = Array(repeating: 0x62, count: 100)
        _ = run(&clients, milliseconds: 80)
        #expect(clients.wakeUps == [0, 0])
        _ = run(&clients, milliseconds: 120)
        #expect(clients.wakeUps == [0, 1])
    }

    /// An earlier life may have died after it took the bytes and before it told the client.
    @Test func afterARestartClientsWithRoomAreTold() {
        var clients = FakeClients(count: 3)
        clients.outputs[1] = Array(repeating: 0x61, count: Int(ConsoleRing.capacity))
        var port = FakePort(depth: 1)
        var console = SerialConsole(clients: 3, patience: patience, isRestarted: true)
        console.look(&port, &clients, at: 0)
        #expect(clients.wakeUps == [1, 0, 1])
        console.look(&port, &clients, at: millisecond)
        #expect(clients.wakeUps == [1, 0, 1])
    }

    @Test func nothingIsLeftWhenAllIsSent() {
        var clients = FakeClients(count: 2)
        clients.outputs[1] = Array("hello\n".utf8)
        var port = FakePort()
        var console = SerialConsole(clients: 2, patience: patience, isRestarted: false)
        console.look(&port, &clients, at: 0)
        #expect(!console.hasMore)
        #expect(clients.wakeUps == [0, 0])
    }
}

@Suite struct LineInputTests {
    private var port = FakePort()
    private var clients = FakeClients(count: 3)
    private var console = SerialConsole(clients: 3, patience: patience, isRestarted: false)

    private mutating func look(at moment: UInt64) { console.look(&port, &clients, at: moment) }

    @Test mutating func bytesGoToTheClientOfTheirChannelWhichIsWokenOnce() {
        port.type("to one", to: 1)
        port.type("to two", to: 2)
        look(at: 0)
        #expect(clients.inputs.map { String(decoding: $0, as: UTF8.self) } == ["", "to one", "to two"])
        #expect(clients.wakeUps == [0, 1, 1])
        #expect(!console.hasMore)
    }

    /// In an earlier version `patience` counted wake-ups, and 500 signals in a millisecond lost a client's input.
    @Test mutating func aFloodOfLooksDoesNotShortenPatience() {
        clients.inputRoom[1] = 0
        port.type("x", to: 1)
        port.type("y", to: 2)
        for moment in 0..<2000 { look(at: UInt64(moment) % millisecond) }
        #expect(console.hasMore)
        look(at: patience - 1)
        clients.inputRoom[1] = 1
        look(at: patience - 1)
        #expect(clients.inputs == [[], Array("x".utf8), Array("y".utf8)])
    }

    @Test mutating func aClientThatDoesNotReadDelaysOthersOnce() {
        clients.inputRoom[1] = 0
        for _ in 0..<3 {
            port.type("lost", to: 1)
            port.type("y", to: 2)
        }
        look(at: 0)
        look(at: patience - 1)
        #expect(clients.inputs[2].isEmpty)
        look(at: patience)
        #expect(clients.inputs[2] == Array("yyy".utf8))
        // A client that has made room is waited for again.
        clients.inputRoom[1] = 1
        port.type("zz", to: 1)
        look(at: patience + 1)
        #expect(clients.inputs[1] == Array("z".utf8))
        #expect(console.hasMore)
    }

    @Test mutating func aLookEndsAlthoughTheLineIsInfinitelyFast() {
        port.typed = Array(repeating: 0x61, count: 10 * LineInput.work)
        look(at: 0)
        #expect(port.typed.count == 9 * LineInput.work)
        #expect(console.hasMore)
    }

    @Test mutating func inputForNobodyIsDropped() {
        port.type("x", to: 58)
        port.typed += [ConsoleChannel.escape, 0, 0x79]
        look(at: 0)
        #expect(clients.inputs == [[], [], []])
        #expect(!console.hasMore)
    }
}

@Suite struct LookScheduleTests {
    /// Calls at every microsecond: the first counts at once, and then there is one look in each millisecond.
    @Test func aFloodOfCallsCausesOneLookPerMillisecond() {
        var schedule = LookSchedule(interval: millisecond)
        var looks: [UInt64] = []
        var now: UInt64 = 0
        while now < 100 * millisecond {
            switch schedule.next(at: now, hasMore: false, takeCalls: { true }) {
            case .look: looks.append(now)
            case .sleep(let deadline): now = deadline
            case .listen: schedule.heard()
            }
            now += 1
        }
        #expect(looks.count <= 100)
        #expect(looks.count >= 99)
        #expect(zip(looks, looks.dropFirst()).allSatisfy { $1 - $0 >= millisecond })
    }

    /// A wake-up during sleep causes no look, and neither does a driver that does not sleep.
    @Test func spuriousWakeUpsCauseNoLook() {
        var schedule = LookSchedule(interval: millisecond)
        var looks = 0
        for now in 0..<(10 * millisecond) {
            switch schedule.next(at: now, hasMore: true, takeCalls: { true }) {
            case .look: looks += 1
            case .sleep(let deadline): #expect(deadline > now)
            case .listen: Issue.record("it listens although something is left")
            }
        }
        #expect(looks == 10)
    }

    @Test func whenNothingIsLeftItListensAndTheFirstCallIsServedAtOnce() {
        var schedule = LookSchedule(interval: millisecond)
        #expect(schedule.next(at: 0, hasMore: false, takeCalls: { false }) == .look)
        #expect(schedule.next(at: 10, hasMore: false, takeCalls: { false }) == .sleep(until: millisecond))
        #expect(schedule.next(at: millisecond, hasMore: false, takeCalls: { false }) == .listen)
        schedule.heard()
        #expect(schedule.next(at: 7 * millisecond, hasMore: false, takeCalls: { false }) == .look)
    }

    /// A signal that comes while the driver ignores signals is not lost.
    @Test func aCallDuringSleepIsServedAtTheNextMillisecond() {
        var schedule = LookSchedule(interval: millisecond)
        #expect(schedule.next(at: 0, hasMore: false, takeCalls: { false }) == .look)
        #expect(schedule.next(at: 1, hasMore: false, takeCalls: { true }) == .sleep(until: millisecond))
        #expect(schedule.next(at: millisecond, hasMore: false, takeCalls: { true }) == .look)
    }
}
