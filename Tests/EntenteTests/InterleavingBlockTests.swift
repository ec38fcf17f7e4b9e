import ABI
import EntenteTesting
import Foundation
import Interleaving
import Testing

@testable import Entente

/// The two ends of a block connection run on two cores at once. Either may go on at any access, and each sees accesses
/// of the other late if Armv8 allows that.
@Suite struct InterleavingBlockTests {
    private static let count: UInt64 = 2
    private static let woken = Events.number(1)

    private final class Pair: @unchecked Sendable {
        let sender = FakeKernel().component("sender"), server = FakeKernel().component("server")
        private let base: UnsafeMutableRawPointer
        private let size = Int(BlockConnectionLayout.size(banks: 1))
        var client: BlockClient, serving: BlockServer
        var received: [UInt64] = [], answers: [UInt64] = [], failures: [String] = []

        init() {
            base = .allocate(byteCount: size, alignment: 4096)
            memset(base, 0, size)
            (client, serving) = Pair.ends(base)
        }
        deinit { base.deallocate() }

        private static func ends(_ base: UnsafeMutableRawPointer) -> (BlockClient, BlockServer) {
            let split = Int(BlockConnectionLayout.clientSize(banks: 1))
            // SAFETY: the pair keeps the memory for as long as its ends.
            let connection = unsafe BlockConnection(
                client: SharedMemory(base: base, size: split),
                server: SharedMemory(base: base + split, size: Int(BlockConnectionLayout.serverSize)), banks: 1)
            return (
                BlockClient(connection, server: .own, events: woken),
                BlockServer(connection, client: .own, events: woken, clientNumber: 1)
            )
        }

        func begin() {
            memset(base, 0, size)
            (client, serving) = Pair.ends(base)
            (received, answers, failures) = ([], [], [])
            for component in [sender, server] { component.run { _ = Notification.own.poll() } }
        }

        private func isWoken(_ peer: FakeComponent) -> Bool { Interleaving.wait { peer.raised.bits != 0 } }

        /// Submits requests one by one, and sleeps until each is answered.
        func send(_ count: UInt64) {
            sender.run {
                for number in 1...count {
                    client.submit(BlockRequest(.read, sector: number, length: 512, cookie: number))
                    client.notify()
                }
                while answers.count < Int(count) {
                    if let answer = client.nextAnswer() {
                        answers.append(answer.cookie)
                        client.release(answer.slot)
                        continue
                    }
                    guard client.willSleep() else { continue }
                    guard isWoken(server) else { return failures.append("the client sleeps for ever") }
                    server.run { _ = Notification.own.poll() }
                    client.didWake()
                }
            }
        }

        /// Sleeps until the server describes a disk.
        func awaitDisk() {
            sender.run {
                while client.disk(3) == nil {
                    guard client.willSleep() else { continue }
                    guard isWoken(server) else { return failures.append("the client sleeps for ever") }
                    server.run { _ = Notification.own.poll() }
                    client.didWake()
                }
            }
        }

        /// Describes a disk. It does nothing else, so that no later event wakes the client.
        func describe() { server.run { serving.publish(BlockDisk(capacity: 8, features: []), as: 3) } }

        /// Answers requests, and sleeps while there is none.
        func serve(_ count: UInt64) {
            server.run {
                while received.count < Int(count) {
                    if let next = serving.nextRequest() {
                        received.append(next.request.sector == next.request.cookie ? next.request.sector : 0)
                        serving.answer(next.slot, .ok)
                        serving.notify()
                        continue
                    }
                    guard serving.willSleep() else { continue }
                    guard isWoken(sender) else { return failures.append("the server sleeps for ever") }
                    sender.run { _ = Notification.own.poll() }
                    serving.didWake()
                }
            }
        }
    }

    /// A description that comes while the client goes to sleep is seen.
    @Test func aDescriptionIsNotMissed() {
        let pair = Pair()
        Scenario(
            cores: 2, reset: { pair.begin() }, body: { $0 == 0 ? pair.awaitDisk() : pair.describe() },
            check: { pair.failures.first }, name: { _ in "connection" }
        ).exploreHere(#_sourceLocation)
    }

    @Test func nothingIsLostAndNobodySleepsForEver() {
        let pair = Pair()
        Scenario(
            cores: 2, reset: { pair.begin() },
            body: { $0 == 0 ? pair.send(Self.count) : pair.serve(Self.count) },
            check: {
                if let failure = pair.failures.first { return failure }
                return pair.received.sorted() == [1, 2] && pair.answers.sorted() == [1, 2]
                    ? nil : "received \(pair.received), answered \(pair.answers)"
            },
            name: { _ in "connection" }
        ).exploreHere(#_sourceLocation)
    }
}
