import ABI
@testable import Entente
import EntenteTesting
import Testing

/// The sizes and places of rings at their limits.
@Suite struct RingPlaceTests {
    private let kernel = FakeKernel()

    @Test func aPlaceIsOneWord() throws {
        for pages in 1...16 as ClosedRange<UInt64> {
            let place = try #require(RingPlace(word: 0x89AB_CDEF << 32 | 0x7F << 24 | pages << 16 | 0xFFFE))
            #expect(place.offset == 0xFFFE << 12 && place.size == pages << 12)
            #expect(place.server == 0x7F && place.life == 0x89AB_CDEF)
            #expect(place.word == 0x89AB_CDEF << 32 | 0x7F << 24 | pages << 16 | 0xFFFE)
        }
        for pages in [0, 17, 18, 255] as [UInt64] { #expect(RingPlace(word: pages << 16 | 1) == nil) }
        #expect(RingPlace(offset: 1 << 28, size: 1 << 20, server: 256, life: 1).word == 1 << 32)
        #expect(RingPlace(offset: 0, size: 4096, server: 255, life: .max).word == 0xFFFF_FFFF_FF01_0000)
    }

    /// A ring has whole pages, one after the other.
    @Test func aRingHasWholePages() throws {
        let server = kernel.component("server", serving: ExampleServer())
        for (size, pages) in [
            (.min, 1), (-1, 1), (0, 1), (1, 1), (4096, 1), (4097, 2), (65_535, 16), (65_536, 16),
        ] as [(Int, UInt64)] {
            let client = kernel.component("client", uses: ["example": server], shared: 128 << 10)
            try client.run { () throws in
                let ring = try SharedRing<UInt64>(size: size, raising: .number(9))
                #expect(ring.offer.size == pages << 12 && ring.offer.place.offset == 0)
                #expect(ring.memory.size == Int(pages) << 12)
                #expect(throws: SharingError.noMemory) { try SharedRing<UInt64>(size: 65_537, raising: .number(9)) }
                // The refused ring has taken no memory.
                let next = try SharedRing<UInt64>(size: 1, raising: .number(9))
                #expect(next.offer.place.offset == pages << 12 && next.offer.caller == 0)
            }
        }
    }

    @Test func theLastPageCanBeHad() throws {
        let server = kernel.component("server", serving: ExampleServer())
        let client = kernel.component("client", uses: ["example": server], shared: 8192)
        try client.run { () throws in
            #expect(throws: SharingError.noMemory) { try SharedRing<UInt64>(size: 8193, raising: .number(9)) }
            _ = try SharedRing<UInt64>(size: 4096, raising: .number(9))
            #expect(throws: SharingError.noMemory) { try SharedRing<UInt64>(size: 4097, raising: .number(9)) }
            _ = try SharedRing<UInt64>(size: 4096, raising: .number(9))
            #expect(throws: SharingError.noMemory) { try SharedRing<UInt64>(size: 1, raising: .number(9)) }
        }
    }

    /// A caller's number finds the memory of this caller alone; a caller without `shared` has none.
    @Test func aCallersNumberFindsItsMemory() throws {
        let server = kernel.component("server", serving: ExampleServer())
        let without = kernel.component("without", uses: ["example": server])
        let clients = (0..<70).map { index in
            kernel.component("client", uses: ["example": server], shared: UInt64(1 + index % 16) << 12)
        }
        server.run {
            for client in clients { #expect(RingWindow(ofCaller: client.number) != nil) }
            for caller in [0, server.number, without.number, clients[69].number + 1, .max] as [UInt64] {
                #expect(RingWindow(ofCaller: caller) == nil)
            }
            for (index, client) in clients.enumerated() {
                let size = UInt64(1 + index % 16) << 12
                let window = RingWindow(ofCaller: client.number)
                #expect(window?.memory(at: 0, size: size) != nil && window?.memory(at: 0, size: size + 4096) == nil)
                #expect(window?.memory(at: 4096, size: size) == nil)
            }
        }
    }

    /// The memory of each server has an account of its own. A component with more portals than the message page has
    /// accounts cannot share memory over the further ones.
    @Test func eachServersMemoryHasItsAccount() throws {
        let client = kernel.component("client", shared: 8192)
        let servers = (0..<MessageMemory.accounts + 1).map { _ in kernel.component("server", serving: ExampleServer()) }
        let portals = servers.enumerated().map { client.connect("server\($0)", to: $1) }
        try client.run { () throws in
            for portal in portals.dropLast() {
                let ring = try SharedRing<UInt64>(size: 4096, with: portal, raising: .number(9))
                #expect(ring.offer.place.offset == 0)
            }
            #expect(throws: SharingError.noMemory) {
                try SharedRing<UInt64>(size: 4096, with: portals.last, raising: .number(9))
            }
            let ring = try SharedRing<UInt64>(named: "server7", size: 4096, raising: .number(9))
            #expect(ring.offer.place.offset == 4096 && ring.offer.place.server == servers[7].number & 0xFF)
        }
    }

    // MARK: An offer in a message

    private func taken(_ word: UInt64, caller: UInt64, capabilities: UInt64) -> RingOffer<UInt64>? {
        kernel.component("server").run {
            ReceivedSlots.prepare()
            let raw = capabilities << ArrivalBits.capabilitiesShift
            var message = IncomingMessage(Answer(rawStatus: raw, words: Words(word)), caller: caller)
            return RingOffer<UInt64>.take(from: &message)
        }
    }

    @Test func anOfferNeedsItsCallerAndItsCapability() throws {
        let word: UInt64 = 5 << 32 | 3 << 24 | 2 << 16 | 7
        let offer = try #require(taken(word, caller: 9, capabilities: 1))
        #expect(offer.caller == 9 && offer.size == 8192 && offer.place.word == word)
        #expect(offer.events.slot == InitialSlot.firstReceived)
        #expect(taken(word, caller: 0, capabilities: 1) == nil)
        #expect(taken(word, caller: 9, capabilities: 0) == nil)
        #expect(taken(7, caller: 9, capabilities: 1) == nil)
        kernel.component("server").run {
            var message = IncomingMessage(Answer(rawStatus: 1 << ArrivalBits.capabilitiesShift), caller: 9)
            for _ in 0..<6 { _ = message.takeWord() }
            #expect(RingOffer<UInt64>.take(from: &message) == nil)
        }
    }

    /// Only the side that made an offer names the place of its ring.
    @Test func anOfferThatCameSaysNothingToOthers() throws {
        let word: UInt64 = 5 << 32 | 3 << 24 | 2 << 16 | 7
        let came = try #require(taken(word, caller: 9, capabilities: 1))
        let made = RingOffer<UInt64>(place: came.place, caller: 0, events: came.events)
        kernel.component("sender").run {
            for (offer, sent) in [(came, 0), (made, word)] {
                var message = OutgoingMessage(1)
                offer.append(to: &message)
                #expect(message.words.w1 == sent && message.count == 2 && message.capabilities == 1)
            }
        }
    }
}
