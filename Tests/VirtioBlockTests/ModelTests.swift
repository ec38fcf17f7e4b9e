import ABI
import EntenteTesting
import TestSupport
import Testing

@testable import VirtioBlock

/// Generates the same numbers for the same seed (SplitMix64).
struct SeededNumbers {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }

    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
    mutating func chance(_ outOf: Int) -> Bool { below(outOf) == 0 }
}

/// Compares the driver with a model, under random requests, orders, errors, lies, resets, restarts and losses of power.
@Suite struct ModelTests {
    @Test func randomRequestsMatchAModel() {
        for seed in TestLength.seeds(short: 60, long: 200) {
            var run = ModelRun(seed: seed)
            run.run(steps: 1500)
            #expect(run.faults == [], "seed \(seed)")
            if !run.faults.isEmpty { return }
        }
    }
}

/// One run against the model. The driver sleeps until a request or an interrupt wakes it, and the device until a
/// notification does, so that a lost wake-up ends the run.
private struct ModelRun {
    private let bench: DriverBench
    private var numbers: SeededNumbers
    private(set) var faults: [String] = []
    /// True if the device lies or asks for resets, so that any request may fail.
    private let isUnreliable: Bool
    /// The numbers that each sector may contain; nil if a request has left it unknown.
    private var contents: [Set<UInt64>?]
    /// The numbers that each sector may contain after a loss of power, by the time of their writes.
    private var history: [[(token: UInt64, time: Int)]]
    private var outstanding: [Int: Accepted] = [:]
    private var time = 0
    private var isAsleep = false
    private static let sectors = 256

    private struct Accepted {
        var request: DeviceRequest
        var sectors: Range<Int>
        var token: UInt64
        var time: Int
    }

    init(seed: UInt64) {
        numbers = SeededNumbers(seed)
        bench = DriverBench(sectors: Self.sectors, capacity: 24)
        isUnreliable = numbers.chance(2)
        contents = .init(repeating: [0], count: Self.sectors)
        history = .init(repeating: [(0, 0)], count: Self.sectors)
        let disk = bench.disk
        disk.isAutomatic = false
        disk.queueLimit = [4, 8, 16, 256][numbers.below(4)]
        (disk.maximumDiscard, disk.maximumWriteZeroes) = (UInt32(1 + numbers.below(20)), UInt32(1 + numbers.below(20)))
        if numbers.chance(3) { disk.offered &= ~FakeVirtioDisk.Feature.eventIndex }
        if numbers.chance(4) { disk.badSectors = Set((0..<5).map { _ in UInt64(numbers.below(Self.sectors)) }) }
        bench.start()
    }

    mutating func run(steps: Int) {
        for _ in 0..<steps where faults.isEmpty {
            time += 1
            switch numbers.below(100) {
            case 0..<45: submit()
            case 45..<70: device()
            case 70..<97: driver()
            case 97: if numbers.chance(4) { restart() }
            case 98: if numbers.chance(8) { losePower() }
            default: if isUnreliable { misbehave() }
            }
        }
        drain()
        faults = Array(faults.prefix(3))
        if !bench.disk.faults.isEmpty { faults.append("\(bench.disk.faults)") }
    }

    private mutating func misbehave() {
        if numbers.chance(2) {
            bench.disk.askForReset()
        } else {
            bench.disk.lie = FakeDiskLie.allCases[numbers.below(FakeDiskLie.allCases.count)]
        }
    }

    // MARK: Requests

    private mutating func submit() {
        guard bench.driver.isWorking || bench.start(), let id = (0..<24).first(where: { outstanding[$0] == nil }) else {
            return
        }
        let count = 1 + numbers.below(32)
        let sector = numbers.below(Self.sectors - count)
        let sectors = sector..<sector + count
        let operation: BlockOperation = [.read, .read, .write, .write, .write, .flush, .discard, .writeZeroes][
            numbers.below(8)]
        if operation != .flush {
            guard outstanding.values.allSatisfy({ !$0.sectors.overlaps(sectors) }) else { return }
        }
        let request = bench.request(
            operation, id, sector: UInt64(sector), count: count, isDurable: operation == .write && numbers.chance(5))
        let accepted = Accepted(
            request: request, sectors: operation == .flush ? 0..<0 : sectors, token: numbers.next(), time: time)
        if operation == .write {
            bench.fill(id, count, with: accepted.token)
            for sector in sectors { history[sector].append((accepted.token, time)) }
        } else if operation == .writeZeroes {
            for sector in sectors { history[sector].append((0, time)) }
        } else if operation == .discard {
            for sector in sectors { history[sector].append((0xDDDD_DDDD_DDDD_DDDD, time)) }
        }
        outstanding[id] = accepted
        if let refusal = bench.driver.submit(request, as: id) { faults.append("refused: \(refusal)") }
        if numbers.chance(2) || isAsleep { bench.driver.notify() }
    }

    private mutating func take(_ answer: TestDriver.Answer) {
        guard let accepted = outstanding.removeValue(forKey: answer.id) else {
            return faults.append("\(answer.id) is answered twice")
        }
        let operation = accepted.request.operation
        if answer.status != .ok {
            let isExpected = isUnreliable || accepted.sectors.contains { bench.disk.badSectors.contains(UInt64($0)) }
            if !isExpected || answer.status != .ioError { faults.append("\(operation) ends with \(answer.status)") }
            if operation != .read && operation != .flush {
                for sector in accepted.sectors { contents[sector] = nil }
            }
            return
        }
        switch operation {
        case .read:
            for (index, sector) in accepted.sectors.enumerated() {
                guard let allowed = contents[sector] else { continue }
                guard let found = bench.token(answer.id, index), allowed.contains(found) else {
                    return faults.append("sector \(sector) is wrong")
                }
            }
        case .write:
            for sector in accepted.sectors { contents[sector] = [accepted.token] }
            if accepted.request.forcesUnitAccess { settle(accepted.sectors, before: accepted.time + 1) }
        case .writeZeroes: for sector in accepted.sectors { contents[sector] = [0] }
        case .discard: for sector in accepted.sectors { contents[sector] = nil }
        case .flush: settle(0..<Self.sectors, before: accepted.time)
        }
    }

    /// Forgets what a flush has replaced: all but the last write that came before it, and later ones.
    private mutating func settle(_ sectors: Range<Int>, before time: Int) {
        for sector in sectors where contents[sector] != nil {
            // A durable write can still wait for the next flush.
            guard let last = history[sector].lastIndex(where: { $0.time < time }) else { continue }
            if outstanding.values.contains(where: {
                $0.request.operation != .read && !$0.request.forcesUnitAccess && $0.time < time
                    && $0.sectors.contains(sector)
            }) {
                faults.append("a flush overtakes a write")
            }
            history[sector].removeFirst(last)
        }
    }

    // MARK: Both sides

    private mutating func device() {
        let disk = bench.disk
        guard !disk.pending.isEmpty else { return }
        disk.perform(numbers.below(disk.pending.count))
        disk.fetch()
    }

    private mutating func driver() {
        if isAsleep {
            guard bench.disk.interruptStatus != 0 else { return }
            isAsleep = false
        }
        bench.driver.acknowledgeInterrupt()
        for _ in 0..<1 + numbers.below(8) {
            guard let answer = bench.driver.nextAnswer() else { break }
            take(answer)
        }
        isAsleep = bench.driver.willSleep()
    }

    private mutating func restart() {
        bench.restart()
        isAsleep = false
        // The flushes come last, as in `DiskDriver`, because nobody remembers the order.
        let requests = outstanding.sorted { $0.key < $1.key }
        for (id, accepted) in requests where accepted.request.operation != .flush {
            bench.submit(accepted.request, as: id)
        }
        for (id, accepted) in requests where accepted.request.operation == .flush {
            bench.submit(accepted.request, as: id)
        }
        bench.driver.notify()
    }

    private mutating func losePower() {
        var coin = numbers
        bench.disk.losePower { coin.chance(2) }
        numbers = coin
        bench.disk.lie = nil
        for sector in 0..<Self.sectors {
            guard let found = token(bench.disk.contents, sector) else {
                faults.append("sector \(sector) is torn")
                continue
            }
            if contents[sector] != nil, !history[sector].contains(where: { $0.token == found }) {
                faults.append("sector \(sector) has lost a durable write")
            }
            (contents[sector], history[sector]) = ([found], [(found, time)])
        }
        outstanding = [:]
        bench.restart()
        isAsleep = false
    }

    /// Lets both sides finish everything.
    private mutating func drain() {
        bench.disk.lie = nil
        for _ in 0..<100_000 where faults.isEmpty && !outstanding.isEmpty {
            if isAsleep, bench.disk.interruptStatus == 0, bench.disk.pending.isEmpty {
                guard bench.disk.hasWithdrawnAnswers else { return faults.append("a wake-up is lost") }
                // The driver cannot tell a device that takes an answer back from one that is slow.
                restart()
            }
            device()
            driver()
        }
        if faults.isEmpty, !outstanding.isEmpty { faults.append("requests have no answer") }
    }
}
