import ABI
import Entente

// A client of the block driver in the place of the storage component. It writes the board's first disk, reads it back,
// and logs the outcome. It leaves 0x5000 sectors at the start to others.

/// Sends requests one at a time, or many at once, and counts those with an unexpected status.
struct Probe {
    var client = BlockClient(named: "block-driver")
    let window: BlockWindow
    static let first: UInt64 = 0x5000

    init() {
        guard let resource = Configuration.resource(.window, named: "window") else { fatalError("no window") }
        window = BlockWindow(of: resource)
    }

    /// Waits for an answer, and releases its slot.
    mutating func answer() -> BlockStatus {
        client.notify()
        while true {
            if let answer = client.nextAnswer() {
                client.release(answer.slot)
                return answer.status
            }
            if client.willSleep() {
                _ = Events.wait()
                client.didWake()
            }
        }
    }

    mutating func perform(_ request: BlockRequest) -> BlockStatus {
        client.submit(request)
        return answer()
    }

    func fill(_ offset: Int, _ size: Int, with number: UInt64) {
        guard let memory = window.memory else { return }
        for place in stride(from: offset, to: offset + size, by: 8) { memory[place] = number &+ UInt64(place) }
    }

    func has(_ number: UInt64, _ offset: Int, _ size: Int, shift: Int = 0) -> Bool {
        guard let memory = window.memory else { return false }
        for place in stride(from: offset, to: offset + size, by: 8)
        where memory[place] != number &+ UInt64(place - shift) { return false }
        return true
    }

    /// Writes and reads pieces of several sizes, 1 MiB/2 at most.
    mutating func checkData(_ seed: UInt64) -> Bool {
        for shift in stride(from: 9, through: 19, by: 2) {
            let size = 1 << shift
            fill(0, size, with: seed)
            let sector = Self.first + 2048
            guard perform(BlockRequest(.write, sector: sector, length: UInt32(size))) == .ok,
                perform(BlockRequest(.flush)) == .ok,
                perform(BlockRequest(.read, sector: sector, length: UInt32(size), offset: 524_288)) == .ok,
                has(seed, 524_288, size, shift: 524_288)
            else { return false }
        }
        return true
    }

    /// Keeps 32 requests at the driver.
    mutating func checkDepth(_ count: Int) -> Bool {
        var (sent, answered, isFine) = (0, 0, true)
        while answered < count {
            while sent < count, sent - answered < 32 {
                client.submit(
                    BlockRequest(
                        .write, sector: Self.first + UInt64(sent % 256) * 8, length: 4096,
                        offset: UInt32(sent % 32) * 4096, forcesUnitAccess: sent % 100 == 99))
                sent += 1
            }
            if answer() != .ok { isFine = false }
            answered += 1
        }
        return isFine
    }

    mutating func checkOthers() -> Bool {
        let sector = Self.first + 4096
        fill(0, 8192, with: 3)
        guard perform(BlockRequest(.write, sector: sector, length: 8192, forcesUnitAccess: true)) == .ok,
            perform(BlockRequest(.writeZeroes, sector: sector, length: 4096)) == .ok,
            perform(BlockRequest(.read, sector: sector, length: 8192, offset: 16384)) == .ok
        else { return false }
        guard let memory = window.memory else { return false }
        for place in stride(from: 16384, to: 16384 + 4096, by: 8) where memory[place] != 0 { return false }
        guard has(3, 16384 + 4096, 4096, shift: 16384) else { return false }
        return perform(BlockRequest(.discard, sector: sector, length: 8192)) == .ok
    }

    mutating func checkRefusals() -> Bool {
        guard let disk = client.disk(0) else { return false }
        return perform(BlockRequest(.read, sector: disk.capacity, length: 512)) == .badRequest
            && perform(BlockRequest(.read, sector: 0, length: 512, offset: UInt32(window.size))) == .badRequest
            && perform(BlockRequest(.read, sector: 0, length: 512, window: 99)) == .badRequest
            && perform(BlockRequest(.read, disk: 7, sector: 0, length: 512)) == .noDisk
    }
}

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    var probe = Probe()
    // An earlier life may have left requests.
    for _ in 0..<(probe.client.capacity - probe.client.freeCount) { _ = probe.answer() }
    while probe.client.disk(0) == nil {
        if probe.client.willSleep() {
            _ = Events.wait()
            probe.client.didWake()
        }
    }
    log("disk: \(probe.client.disk(0)?.capacity ?? 0) sectors")
    log("data: \(probe.checkData(Clock.now))")
    log("others: \(probe.checkOthers())")
    log("refusals: \(probe.checkRefusals())")
    var round = 0
    while true {
        let start = Clock.now
        let isFine = probe.checkDepth(2000)
        let microseconds = (Clock.now - start) * 1_000_000 / Clock.frequency
        log("round \(round): \(isFine), 2000 writes at depth 32 in \(microseconds) us")
        round += 1
    }
}
