import ABI
import EntenteTesting
import Testing

@testable import VirtioBlock

/// Tests requests to a device that keeps to the protocol.
@Suite struct RequestTests {
    private let bench = DriverBench()

    init() {
        bench.start()
        _ = bench.answers()
    }

    @Test func writesReadsAndClears() {
        bench.fill(0, 32, with: 77)
        #expect(bench.perform(bench.request(.write, 0, sector: 8, count: 32)) == .ok)
        #expect(bench.perform(bench.request(.read, 1, sector: 8, count: 32), as: 1) == .ok)
        #expect((0..<32).allSatisfy { bench.token(1, $0) == 77 })
        #expect(bench.perform(bench.request(.writeZeroes, 0, sector: 10, count: 4)) == .ok)
        #expect((8..<40).map { token(bench.disk.contents, $0) } == (8..<40).map { 10..<14 ~= $0 ? 0 : 77 })
        #expect(bench.perform(bench.request(.discard, 0, sector: 20, count: 4)) == .ok)
        #expect(token(bench.disk.contents, 19) == 77 && token(bench.disk.contents, 24) == 77)
        #expect(token(bench.disk.contents, 20) != 77 && token(bench.disk.contents, 23) != 77)
    }

    @Test func refusesRequestsThatDoNotExist() {
        for (sector, length) in [(2048, 512), (2047, 1024), (UInt64.max, 512), (0, 0), (0, 100)] as [(UInt64, UInt32)] {
            for operation in [BlockOperation.read, .write, .discard, .writeZeroes] {
                #expect(bench.refusal(DeviceRequest(operation, sector: sector, length: length)) == .badRequest)
            }
        }
        #expect(bench.answers().isEmpty && bench.disk.types == [8])
    }

    @Test func largeDiscardsTakeSeveralPieces() {
        bench.disk.maximumDiscard = 100
        bench.disk.maximumWriteZeroes = 100
        bench.restart()
        _ = bench.answers()
        for (operation, type) in [(BlockOperation.discard, UInt32(11)), (.writeZeroes, 13)] {
            bench.fill(0, 32, with: 5)
            for sector in stride(from: 0, to: UInt64(1024), by: 32) {
                #expect(bench.perform(bench.request(.write, 0, sector: sector, count: 32)) == .ok)
            }
            #expect(bench.perform(bench.request(operation, 0, sector: 7, count: 950)) == .ok)
            #expect(bench.disk.types.count { $0 == type } == 10)
            let kept = (0..<1024).filter { token(bench.disk.contents, $0) == 5 }
            let isRight = kept == Array(0..<7) + Array(957..<1024)
            #expect(isRight)
        }
    }

    @Test func errorsOfTheMediumReachTheCaller() {
        bench.disk.badSectors = [100]
        #expect(bench.perform(bench.request(.read, 0, sector: 99, count: 2)) == .ioError)
        #expect(bench.perform(bench.request(.write, 0, sector: 100)) == .ioError)
        #expect(bench.perform(bench.request(.read, 0, sector: 99)) == .ok)
        bench.disk.failsFlushes = true
        #expect(bench.perform(bench.request(.flush, 0)) == .ioError)
        #expect(bench.perform(bench.request(.write, 0, isDurable: true)) == .ioError)
        #expect(bench.disk.resets == 1 && bench.troubles() == [.ioError])
    }

    @Test func moreRequestsThanTheQueueHoldsWait() {
        bench.disk.queueLimit = 8
        bench.disk.isAutomatic = false
        bench.restart()
        for id in 0..<64 { bench.submit(bench.request(.write, id, sector: UInt64(id)), as: id) }
        bench.driver.notify()
        #expect(bench.disk.pending.map(\.sector) == [0] + (0..<7))
        bench.disk.isAutomatic = true
        bench.disk.performAll()
        #expect(bench.answers().map(\.id) == Array(0..<64))
    }

    @Test func answersComeInTheDevicesOrder() {
        bench.disk.isAutomatic = false
        for id in 0..<4 { bench.submit(bench.request(.write, id, sector: UInt64(id)), as: id) }
        bench.driver.notify()
        for index in [2, 0, 1, 0] { bench.disk.perform(index) }
        #expect(bench.answers().map(\.id) == [2, 0, 3, 1])
    }

    // MARK: Notifications and interrupts

    /// The device is notified only while it does not look for requests, and interrupts only after `willSleep`.
    @Test func nobodyIsToldTwice() {
        bench.disk.isAutomatic = false
        let (notifications, interrupts) = (bench.disk.notifications, bench.disk.interrupts)
        for id in 0..<8 { bench.submit(bench.request(.write, id, sector: UInt64(id)), as: id) }
        bench.driver.notify()
        bench.driver.notify()
        #expect(bench.disk.notifications == notifications + 1)
        // The driver slept.
        for _ in 0..<3 { bench.disk.perform(0) }
        #expect(bench.disk.interrupts == interrupts + 1)
        let mustLook = !bench.driver.willSleep()
        #expect(mustLook)
        bench.disk.perform(0)
        #expect(bench.disk.interrupts == interrupts + 1)
        #expect(bench.answers().count == 4)
        for _ in 0..<4 { bench.disk.perform(0) }
        #expect(bench.disk.interrupts == interrupts + 2)
        #expect(bench.answers().count == 4)
    }

    @Test func worksWithoutEventIndex() {
        bench.disk.offered &= ~FakeVirtioDisk.Feature.eventIndex
        bench.restart()
        for round in 0..<300 {
            #expect(bench.perform(bench.request(.write, 0, sector: UInt64(round))) == .ok)
        }
        let sleeps = bench.driver.willSleep()
        #expect(sleeps)
    }

    /// The rings' indices wrap around after 65,536 requests.
    @Test func indicesWrapAround() {
        for round in 0..<70_000 {
            let sleeps = bench.driver.willSleep()
            guard sleeps, bench.perform(bench.request(.read, 0, sector: UInt64(round % 2048))) == .ok else {
                Issue.record("round \(round)")
                return
            }
        }
    }

    // MARK: Flushes

    @Test func aFlushWaitsForEverythingAcceptedBefore() {
        bench.disk.isAutomatic = false
        for id in 0..<3 { bench.submit(bench.request(.write, id, sector: UInt64(id)), as: id) }
        bench.submit(bench.request(.flush, 10), as: 10)
        bench.submit(bench.request(.write, 3, sector: 3), as: 3)
        bench.driver.notify()
        #expect(bench.disk.pending.map(\.type) == [1, 1, 1, 1])
        bench.disk.perform(2)
        bench.disk.perform(0)
        #expect(bench.answers().map(\.id) == [2, 0])
        // The write 1 came before the flush and the write 3 behind it.
        #expect(bench.disk.pending.map(\.type) == [1, 1])
        bench.disk.perform(0)
        #expect(bench.answers().map(\.id) == [1])
        bench.driver.notify()
        #expect(bench.disk.pending.map(\.type) == [1, 4])
        bench.disk.perform(1)
        #expect(bench.answers() == [.init(id: 10, status: .ok)])
    }

    /// Flushes that come while one waits share the next one, and do not delay the present one.
    @Test func flushesShareARequest() {
        bench.disk.isAutomatic = false
        bench.submit(bench.request(.write, 0), as: 0)
        bench.submit(bench.request(.flush, 1), as: 1)
        bench.submit(bench.request(.write, 2, sector: 2), as: 2)
        for id in 3..<8 { bench.submit(bench.request(.flush, id), as: id) }
        bench.driver.notify()
        bench.disk.perform(0)
        #expect(bench.answers().map(\.id) == [0])
        bench.disk.perform(1)
        #expect(bench.answers().map(\.id) == [1])
        #expect(bench.disk.pending.map(\.type) == [1])
        bench.disk.perform(0)
        #expect(bench.answers().map(\.id) == [2])
        bench.disk.perform(0)
        #expect(bench.answers().map(\.id) == [3, 4, 5, 6, 7])
        #expect(bench.disk.types.count { $0 == 4 } == 2)
    }

    @Test func aDurableWriteIsAnsweredAfterAFlush() {
        bench.disk.isAutomatic = false
        bench.fill(0, 1, with: 9)
        bench.submit(bench.request(.write, 0, sector: 5, isDurable: true), as: 0)
        bench.driver.notify()
        bench.disk.perform(0)
        #expect(bench.answers().isEmpty)
        #expect(token(bench.disk.durable, 5) == 0 && bench.disk.pending.map(\.type) == [4])
        bench.disk.perform(0)
        #expect(bench.answers() == [.init(id: 0, status: .ok)])
        #expect(token(bench.disk.durable, 5) == 9)
    }

    /// A durable write that joins a batch of flushes does not take from them what they wait for.
    @Test func aDurableWriteDoesNotHastenAFlush() {
        bench.disk.isAutomatic = false
        bench.submit(bench.request(.write, 0, sector: 0), as: 0)
        bench.submit(bench.request(.flush, 1), as: 1)
        bench.submit(bench.request(.write, 2, sector: 2), as: 2)
        bench.submit(bench.request(.flush, 3), as: 3)
        bench.submit(bench.request(.write, 4, sector: 4, isDurable: true), as: 4)
        bench.driver.notify()
        bench.disk.perform(2)
        bench.disk.perform(0)
        #expect(bench.answers().map(\.id) == [0])
        bench.disk.perform(1)
        #expect(bench.answers().map(\.id) == [1])
        #expect(bench.disk.pending.map(\.type) == [1], "the write 2 is not finished")
        bench.disk.perform(0)
        #expect(bench.answers().map(\.id) == [2])
        bench.disk.perform(0)
        #expect(bench.answers().map(\.id) == [3, 4])
    }
}
