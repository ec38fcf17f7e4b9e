import ABI
import EntenteTesting
import Testing

@testable import Entente

/// Tests both ends of a block connection, their restarts, and peers that write anything.
@Suite struct BlockConnectionTests {
    private let kernel = FakeKernel()

    /// A client and a server with one connection.
    private final class Pair {
        let client: FakeComponent, server: FakeComponent
        static let answered = Events.number(3), submitted = Events.number(5)

        init(_ kernel: FakeKernel, banks: Int = 1) {
            (client, server) = (kernel.component("client"), kernel.component("server"))
            kernel.connectBlocks(
                client: client, to: server, banks: banks, raising: (client: Self.answered, server: Self.submitted))
        }

        /// Begins a life of the client or of the server.
        func makeClient() -> BlockClient { client.run { BlockClient(named: "server") } }
        func makeServer() -> BlockServer {
            server.run { BlockServer(of: Configuration.resource(.blockClient, named: "client")!) }
        }
        func asClient<R>(_ body: () throws -> R) rethrows -> R { try client.run(body) }
        func asServer<R>(_ body: () throws -> R) rethrows -> R { try server.run(body) }
    }

    // `#expect` takes no calls that change a variable.

    private func submit(_ request: BlockRequest, _ client: inout BlockClient) -> Bool { client.submit(request) != nil }
    private func isQuiet(_ client: inout BlockClient) -> Bool { client.nextAnswer() == nil }
    private func sleeps(_ client: inout BlockClient) -> Bool { client.willSleep() }
    private func isIdle(_ server: inout BlockServer) -> Bool { server.nextRequest() == nil }

    private func request(_ number: UInt64) -> BlockRequest {
        BlockRequest(
            number % 2 == 0 ? .read : .write, disk: UInt16(number % 8), sector: number * 8, length: 4096,
            offset: UInt32(number % 200) * 4096, forcesUnitAccess: number % 3 == 0, cookie: number)
    }

    @Test(arguments: 1...4) func carriesRequestsAndAnswers(banks: Int) {
        let pair = Pair(kernel, banks: banks)
        var (client, server) = (pair.makeClient(), pair.makeServer())
        #expect(client.capacity == 64 * banks && client.freeCount == client.capacity)
        for number in 0..<UInt64(client.capacity) { #expect(submit(request(number), &client)) }
        #expect(!submit(request(0), &client))
        #expect(client.freeCount == 0 && isQuiet(&client))
        var taken: [BlockServer.Request] = []
        while let next = server.nextRequest() { taken.append(next) }
        #expect(taken.map(\.request) == (0..<UInt64(client.capacity)).map(request))
        // The order of the answers is the server's choice.
        let statuses: [BlockStatus] = [.ok, .ioError, .noSpace]
        for next in taken.reversed() { server.answer(next.slot, statuses[Int(next.request.cookie) % 3]) }
        var seen: Set<UInt64> = []
        while let answer = client.nextAnswer() {
            #expect(answer.status == statuses[Int(answer.cookie) % 3])
            #expect(seen.insert(answer.cookie).inserted)
            client.release(answer.slot)
        }
        #expect(seen.count == client.capacity && client.freeCount == client.capacity)
        #expect(isIdle(&server))
    }

    /// A side raises events only if the other one sleeps, and an end that has work already does not go to sleep.
    @Test func wakesOnlySleepers() {
        let pair = Pair(kernel)
        var (client, server) = (pair.makeClient(), pair.makeServer())
        pair.asClient {
            client.submit(request(1))
            client.notify()
        }
        #expect(pair.server.raised.bits == 0)
        #expect(!server.willSleep())
        let first = server.nextRequest()!
        #expect(server.willSleep())
        pair.asClient {
            client.submit(request(2))
            client.notify()
        }
        #expect(pair.server.raised == Pair.submitted)
        server.didWake()
        #expect(sleeps(&client))
        pair.asServer {
            server.notify()
            #expect(pair.client.raised.bits == 0)
            server.answer(first.slot, .ok)
            server.notify()
        }
        #expect(pair.client.raised == Pair.answered)
        client.didWake()
        #expect(!sleeps(&client))
        client.release(client.nextAnswer()!.slot)
        #expect(sleeps(&client))
    }

    /// Plays random steps of both ends, with restarts between any two. Every request is answered exactly once in the
    /// view of a client that keeps its notes, and performed at least once.
    @Test(arguments: 0..<40 as Range<UInt64>) func survivesRestartsOfBothEnds(seed: UInt64) {
        var random = Seeded(seed)
        let pair = Pair(kernel, banks: Int(seed % 3) + 1)
        var (client, server) = (pair.makeClient(), pair.makeServer())
        var taken: [BlockServer.Request] = []
        var (next, open, performed): (UInt64, Set<UInt64>, Set<UInt64>) = (1, [], [])
        for _ in 0..<2000 {
            switch random.below(20) {
            case 0..<8:
                if client.submit(request(next)) != nil {
                    open.insert(next)
                    next += 1
                } else {
                    #expect(open.count == client.capacity)
                }
            case 8..<13: if let new = server.nextRequest() { taken.append(new) }
            case 13..<18:
                guard !taken.isEmpty else { continue }
                let done = taken.remove(at: Int(random.below(UInt64(taken.count))))
                #expect(done.request == request(done.request.cookie))
                performed.insert(done.request.cookie)
                server.answer(done.slot, .ok)
            case 18:
                while let answer = client.nextAnswer() {
                    if random.chance(8) { break }
                    #expect(performed.contains(answer.cookie) && open.remove(answer.cookie) != nil)
                    client.release(answer.slot)
                }
                // The client dies here at times, after it has seen an answer and before it has released the slot.
                if random.chance(2) { client = pair.makeClient() } else { while client.nextAnswer() != nil {} }
                client = pair.makeClient()
                #expect(client.freeCount == client.capacity - open.count)
                let inUse = (0..<client.capacity).compactMap { client.slotInUse($0) }
                #expect(Set(inUse.compactMap { client.request(in: $0)?.cookie }) == open)
            default:
                server = pair.makeServer()
                taken = []
            }
        }
        while let new = server.nextRequest() { taken.append(new) }
        for done in taken { server.answer(done.slot, .ok) }
        while let answer = client.nextAnswer() {
            open.remove(answer.cookie)
            client.release(answer.slot)
        }
        #expect(open.isEmpty)
    }

    /// The server's part may hold anything. Slots of the client stay what they are.
    @Test(arguments: 0..<20 as Range<UInt64>) func aHostileServerFreesNoSlot(seed: UInt64) {
        var random = Seeded(seed)
        let pair = Pair(kernel)
        var client = pair.makeClient()
        let resource = pair.asServer { Configuration.resource(.blockClient, named: "client")! }
        let part = pair.asServer { BlockConnection(of: resource).server }
        for _ in 0..<500 {
            let before = client.freeCount
            if client.submit(request(random.below(1 << 40))) != nil { #expect(client.freeCount == before - 1) }
            for _ in 0..<4 { part[Int(random.below(512)) * 8] = random.next() }
            _ = client.willSleep()
            client.didWake()
            for number in 0..<9 { _ = client.disk(number) }
            var answers = 0
            while let answer = client.nextAnswer(), answers < 64 {
                answers += 1
                client.release(answer.slot)
            }
        }
        let used = client.capacity - client.freeCount
        #expect((0..<64).filter { client.slotInUse($0) != nil }.count == used)
    }

    /// The client's part may hold anything. The server gets a bounded number of requests, all of which it can answer.
    @Test(arguments: 0..<20 as Range<UInt64>) func aHostileClientGetsAnswersOnly(seed: UInt64) {
        var random = Seeded(seed)
        let pair = Pair(kernel, banks: 2)
        var server = pair.makeServer()
        let resource = pair.asClient { Configuration.resource(.blockServer, named: "server")! }
        let part = pair.asClient { BlockConnection(of: resource).client }
        var taken: [BlockServer.Request] = []
        for _ in 0..<500 {
            for _ in 0..<8 { part[Int(random.below(UInt64(part.size / 8))) * 8] = random.next() }
            var count = 0
            while let next = server.nextRequest() {
                #expect(!taken.contains { $0.slot == next.slot })
                #expect((next.request.length | next.request.offset) % 512 == 0)
                taken.append(next)
                count += 1
            }
            #expect(count <= 128)
            while taken.count > 20 { server.answer(taken.removeFirst().slot, .ok) }
            pair.asServer { server.notify() }
            _ = server.willSleep()
        }
    }

    @Test func publishesDisks() {
        let pair = Pair(kernel)
        var client = pair.makeClient()
        var server = pair.makeServer()
        #expect(client.disk(0) == nil && client.disk(8) == nil && client.disk(-1) == nil)
        let disk = BlockDisk(
            capacity: 1 << 40, features: [.discard, .hasVolatileCache], optimalSize: 16384, identity: [1, 2, 3])
        pair.asServer { server.publish(disk, as: 7) }
        #expect(client.disk(7) == disk && client.disk(6) == nil)
        // The client looks once more before it sleeps.
        #expect(!sleeps(&client))
        #expect(sleeps(&client))
        pair.asServer { server.publish(nil, as: 7) }
        #expect(client.disk(7) == nil && pair.client.raised == Pair.answered)
        pair.asServer { server.publish(disk, as: 8) }
    }

    /// The client hears of each change once, also of those between two of its lives.
    @Test func tellsOfChangedDescriptions() {
        let pair = Pair(kernel)
        var (client, server) = (pair.makeClient(), pair.makeServer())
        func hears() -> Bool { client.disksHaveChanged() }
        #expect(hears() && !hears())
        pair.asServer { server.publish(BlockDisk(capacity: 8, features: []), as: 0) }
        #expect(hears() && !hears())
        server = pair.makeServer()
        pair.asServer { server.publish(BlockDisk(capacity: 8, features: []), as: 1) }
        #expect(hears() && !sleeps(&client) && sleeps(&client))
        client = pair.makeClient()
        #expect(hears() && !hears())
    }

    /// A server that died while it changed a description leaves none, and its next life publishes a valid one.
    @Test func aHalfWrittenDescriptionIsNone() {
        let pair = Pair(kernel)
        let client = pair.makeClient()
        var server = pair.makeServer()
        let resource = pair.asServer { Configuration.resource(.blockClient, named: "client")! }
        let part = pair.asServer { BlockConnection(of: resource).server }
        pair.asServer { server.publish(BlockDisk(capacity: 8, features: []), as: 0) }
        part[BlockConnectionLayout.disks] += 1
        #expect(client.disk(0) == nil)
        pair.asServer { server.publish(BlockDisk(capacity: 16, features: []), as: 0) }
        #expect(client.disk(0)?.capacity == 16)
    }

    /// A server that answers at once, and publishes a disk at its first event.
    private struct Answering: Service {
        var server: BlockServer
        var requests: [BlockRequest] = []
        static let ready = Events.number(9)

        init() { server = BlockServer(of: Configuration.resource(.blockClient, named: "client")!) }
        mutating func answer(_ message: inout IncomingMessage) -> OutgoingMessage { .unknownMethod }
        mutating func heard(_ events: Events) {
            server.didWake()
            if events.contains(Self.ready) { server.publish(BlockDisk(capacity: 64, features: []), as: 2) }
            while let next = server.nextRequest() {
                requests.append(next.request)
                server.answer(next.slot, next.request.sector < 64 ? .ok : .badRequest)
            }
            server.notify()
            _ = server.willSleep()
        }
    }

    /// A client that died between a request and the wake-up of its server once left both waiting for ever.
    @Test func theNextLifeOfAClientWakesItsServer() {
        let pair = Pair(kernel)
        var (client, server) = (pair.makeClient(), pair.makeServer())
        #expect(pair.asServer { server.willSleep() })
        #expect(pair.asClient { submit(request(1), &client) })
        #expect(pair.server.raised.bits == 0)
        client = pair.makeClient()
        #expect(pair.server.raised == Pair.submitted)
        // A client without requests wakes nobody.
        let other = Pair(FakeKernel())
        var idle = other.makeServer()
        #expect(other.asServer { idle.willSleep() })
        _ = other.makeClient()
        #expect(other.server.raised.bits == 0)
    }

    /// Calls that wait leave other events raised.
    @Test func waitsForDisksAndAnswers() {
        let client = kernel.component("client")
        let plain = kernel.component("server")
        kernel.connectBlocks(
            client: client, to: plain, raising: (client: Pair.answered, server: Pair.submitted))
        plain.run { _ = BlockServer(of: Configuration.resource(.blockClient, named: "client")!).willSleep() }
        var service = plain.run { Answering() }
        var end = client.run { BlockClient(named: "server") }
        kernel.after(.milliseconds(3)) { plain.run { service.heard(Answering.ready) } }
        kernel.after(.milliseconds(2)) { client.raise(.number(20)) }
        let disk = client.run { end.waitForDisk(2) }
        #expect(disk.capacity == 64 && client.raised == .number(20))
        for millisecond in 1...20 as ClosedRange<UInt64> {
            kernel.after(.milliseconds(millisecond)) { plain.run { service.heard(Events(bits: 0)) } }
        }
        for (sector, status) in [(0, .ok), (63, .ok), (64, .badRequest)] as [(UInt64, BlockStatus)] {
            let answer = client.run { end.perform(BlockRequest(.read, disk: 2, sector: sector, length: 512)) }
            #expect(answer == status)
        }
        #expect(service.requests.map(\.sector) == [0, 63, 64] && client.raised == .number(20))
        #expect(end.freeCount == end.capacity)
    }

    @Test func decodesOnlyRequestsThatExist() {
        let good = request(5)
        #expect(BlockRequest(words: good.firstWord, good.sector, good.thirdWord, good.cookie) == good)
        for operation in [0, 6, 255] as [UInt64] {
            #expect(BlockRequest(words: operation, 0, 0, 0) == nil)
        }
        #expect(BlockRequest(words: 1, 0, 511, 0) == nil && BlockRequest(words: 1, 0, 512 | 256 << 32, 0) == nil)
        #expect(BlockRequest(words: 1, .max, 512, 0) == nil && BlockRequest(words: 1, .max - 1, 512, 0) != nil)
    }
}
