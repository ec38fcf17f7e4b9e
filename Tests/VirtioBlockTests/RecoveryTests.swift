import ABI
import EntenteTesting
import Testing

@testable import VirtioBlock

/// Tests devices that ask for a reset or break the protocol, and lives of the driver.
@Suite struct RecoveryTests {
    private let bench = DriverBench()

    init() {
        bench.start()
        _ = bench.answers()
    }

    private func submitWrites(_ count: Int) {
        bench.disk.isAutomatic = false
        for id in 0..<count {
            bench.fill(id, 1, with: UInt64(100 + id))
            bench.submit(bench.request(.write, id, sector: UInt64(id)), as: id)
        }
        bench.driver.notify()
    }

    @Test func aResetPerformsRequestsAgain() {
        submitWrites(5)
        bench.submit(bench.request(.flush, 7), as: 7)
        bench.disk.perform(3)
        #expect(bench.answers().map(\.id) == [3])
        bench.disk.askForReset()
        bench.disk.isAutomatic = true
        let answers = bench.answers()
        #expect(Set(answers.map(\.id)) == [0, 1, 2, 4, 7] && answers.allSatisfy { $0.status == .ok })
        #expect(answers.last?.id == 7, "the flush is behind them")
        #expect(bench.disk.resets == 2 && bench.troubles() == [.needsReset])
        #expect((0..<5).map { token(bench.disk.durable, $0) } == [100, 101, 102, 103, 104])
    }

    @Test func anotherLifeOfTheDriverPerformsRequestsAgain() {
        submitWrites(5)
        bench.restart()
        #expect(bench.disk.pending.allSatisfy { $0.type == 8 })
        submitWrites(5)
        bench.disk.isAutomatic = true
        bench.disk.performAll()
        #expect(Set(bench.answers().map(\.id)) == Set(0..<5))
    }

    /// A lie costs at most the request that it is about, and a reset.
    @Test(arguments: FakeDiskLie.allCases)
    func aLieCostsAReset(lie: FakeDiskLie) {
        submitWrites(4)
        bench.submit(bench.request(.read, 9, sector: 50), as: 9)
        bench.driver.notify()
        bench.disk.lie = lie
        bench.disk.isAutomatic = true
        bench.disk.perform(4)
        var answers = bench.answers()
        bench.disk.performAll()
        answers += bench.answers()
        #expect(Set(answers.map(\.id)) == [0, 1, 2, 3, 9] && answers.count == 5)
        let costsTheRead = [.strangeStatus, .noStatus, .shortLength].contains(lie)
        #expect(answers.allSatisfy { $0.status == ($0.id == 9 && costsTheRead ? .ioError : .ok) })
        #expect(bench.disk.resets == (lie == .shortLength ? 1 : 2))
        let expected: DeviceTrouble =
            switch lie {
            case .indexAhead, .indexFarAhead, .indexBackwards: .usedIndex
            case .unknownRequest, .freeRequest: .usedRequest
            // The second element is more than the device has.
            case .sameRequestTwice: .usedRequest
            case .longLength: .usedLength
            case .shortLength: .ioError
            case .strangeStatus, .noStatus: .status
            case .needsReset: .needsReset
            }
        #expect(bench.troubles().contains(expected))
    }

    /// A device that lies each time gets no further request once its requests have failed, and works again later.
    @Test(arguments: FakeDiskLie.allCases.filter { $0 != .shortLength })
    func aDeviceThatAlwaysLiesIsGivenUp(lie: FakeDiskLie) {
        bench.disk.lie = lie
        bench.disk.liesAlways = true
        bench.submit(bench.request(.read, 0), as: 0)
        bench.submit(bench.request(.flush, 1), as: 1)
        bench.submit(bench.request(.write, 2, sector: 4), as: 2)
        var answers: [TestDriver.Answer] = []
        for _ in 0..<100 { answers += bench.answers() }
        #expect(answers.count == 3 && Set(answers.map(\.id)) == [0, 1, 2])
        #expect(bench.disk.resets < 40)
        bench.disk.lie = nil
        let starts = bench.start()
        #expect(starts)
        #expect(bench.perform(bench.request(.read, 0)) == .ok)
    }

    /// A flush that the device always loses fails, although the device does other requests well.
    @Test func aLostFlushFails() {
        bench.disk.isAutomatic = false
        bench.submit(bench.request(.flush, 0), as: 0)
        var statuses: [BlockStatus] = []
        for round in 0..<20 {
            bench.driver.notify()
            bench.submit(bench.request(.write, 1, sector: UInt64(round)), as: 1)
            bench.driver.notify()
            for index in bench.disk.pending.indices.reversed() where bench.disk.pending[index].type == 1 {
                bench.disk.perform(index)
            }
            let first = bench.answers()
            #expect(first.contains(.init(id: 1, status: .ok)))
            bench.disk.askForReset()
            statuses += (first + bench.answers()).filter { $0.id == 0 }.map(\.status)
        }
        #expect(statuses == [.ioError])
    }

    /// A device that asks for resets without pause is given up.
    @Test func endlessResetsEnd() {
        submitWrites(1)
        var resets = 0
        while bench.driver.isWorking, resets < 100 {
            resets += 1
            bench.disk.askForReset()
            bench.driver.acknowledgeInterrupt()
        }
        #expect(resets == 9 && bench.troubles() == [.needsReset, .hopeless])
        #expect(bench.answers() == [.init(id: 0, status: .ioError)])
        #expect(bench.disk.status == 0, "the device is left in reset")
    }
}
