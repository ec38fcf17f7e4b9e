import DiskPool

/// The pool's memory, and the windows of clients, on the host. Its checksum is quicker than CRC-32C, and as sure to
/// notice one flipped bit.
final class HostMemory: PoolMemory {
    let words: UnsafeMutablePointer<UInt32>
    let windows: UnsafeMutablePointer<UInt32>
    let size: Int
    let windowSize: Int
    /// The words that the pool has accessed in its own memory.
    var accesses = 0

    init(size: Int, windows count: Int, windowSize: Int) {
        (self.size, self.windowSize) = (size, windowSize)
        words = .allocate(capacity: size / 4)
        windows = .allocate(capacity: count * windowSize / 4)
        words.initialize(repeating: 0xBAD0_BAD0, count: size / 4)
        windows.initialize(repeating: 0, count: count * windowSize / 4)
    }

    deinit {
        words.deallocate()
        windows.deallocate()
    }

    func load(_ offset: Int) -> UInt32 {
        accesses += 1
        return words[offset >> 2]
    }
    func store(_ offset: Int, _ word: UInt32) {
        accesses += 1
        words[offset >> 2] = word
    }
    func checksum(_ offset: Int, count: Int) -> UInt32 {
        accesses += count / 4
        return HostMemory.checksum(words + offset / 4, count / 4)
    }
    func clear(_ offset: Int, count: Int) {
        accesses += count / 4
        (words + offset / 4).update(repeating: 0, count: count / 4)
    }

    /// Returns the place of a part of a window.
    func window(_ window: Int, _ offset: Int) -> UnsafeMutablePointer<UInt32> {
        windows + (window * windowSize + offset) / 4
    }

    func checksum(window: Int, _ offset: Int, count: Int) -> UInt32 {
        HostMemory.checksum(self.window(window, offset), count / 4)
    }
    func clear(window: Int, _ offset: Int, count: Int) {
        self.window(window, offset).update(repeating: 0, count: count / 4)
    }
    func copy(window: Int, _ offset: Int, to: Int, count: Int) {
        (words + to / 4).update(from: self.window(window, offset), count: count / 4)
    }
    func copy(_ from: Int, toWindow window: Int, _ offset: Int, count: Int) {
        self.window(window, offset).update(from: words + from / 4, count: count / 4)
    }

    /// Returns the memory of a device request.
    func place(_ place: DeviceRequest.Place) -> UnsafeMutablePointer<UInt32> {
        switch place {
        case .buffer(let offset): words + offset / 4
        case .window(let number, let offset): window(number, offset)
        }
    }

    static func checksum(_ words: UnsafePointer<UInt32>, _ count: Int) -> UInt32 {
        var (a, b): (UInt64, UInt64) = (0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93)
        var index = 0
        while index < count {
            a = (a ^ UInt64(words[index]) ^ UInt64(words[index + 1]) << 32) &* 0xFF51_AFD7_ED55_8CCD
            b = (b ^ UInt64(words[index + 2]) ^ UInt64(words[index + 3]) << 32) &* 0xC4CE_B9FE_1A85_EC53
            a ^= a >> 29
            b ^= b >> 31
            index += 4
        }
        let both = a &+ (b << 17 | b >> 47)
        return UInt32(truncatingIfNeeded: both ^ both >> 32)
    }

    static func checksum(_ words: [UInt32]) -> UInt32 {
        words.withUnsafeBufferPointer { checksum($0.baseAddress!, $0.count) }
    }
}

/// A small generator of random numbers, so that a seed names a run.
struct Random: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) {
        state = (seed &+ 1) &* 0x9E37_79B9_7F4A_7C15 | 1
        for _ in 0..<4 { _ = next() }
    }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }

    mutating func below(_ bound: Int) -> Int { Int(next() >> 33) % bound }

    /// Returns true once in `count` times.
    mutating func oneIn(_ count: Int) -> Bool { below(count) == 0 }
}

/// Memory that survives the death of the engine.
final class SimulatedLog: RecoveryLog {
    let capacity: Int
    private var words: [UInt32]

    init(capacity: Int) {
        self.capacity = capacity
        words = [UInt32](repeating: 0, count: capacity * 8)
    }

    func load(_ index: Int) -> UInt32 { words[index] }
    func store(_ index: Int, _ word: UInt32) { words[index] = word }
    /// Forgets everything, as at a power cut.
    func clear() { for index in words.indices { words[index] = 0 } }
    func flip(_ index: Int, bit: UInt32) { words[index] ^= bit }
}
