import DiskPool

/// The memory of a pool on the host, with one window for data.
final class HostPoolMemory: PoolMemory {
    /// The pool's own memory.
    private let bytes: UnsafeMutableRawBufferPointer
    /// The window, whose number is 0.
    let window: UnsafeMutableRawBufferPointer
    private let table = CRC32C()

    /// - Parameters:
    ///   - size: the size of the pool's own memory, `PoolBuffers.size`.
    ///   - window: the size of the window; a multiple of the size of a unit.
    init(size: Int, window: Int = 0) {
        bytes = .allocate(byteCount: size, alignment: PoolLayout.unitSize)
        self.window = .allocate(byteCount: window, alignment: PoolLayout.unitSize)
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        self.window.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit {
        bytes.deallocate()
        window.deallocate()
    }

    /// Returns the bytes of a transfer between pool and device.
    func place(_ place: DiskPool.DeviceRequest.Place, count: Int) -> UnsafeMutableRawBufferPointer {
        switch place {
        case .buffer(let offset): UnsafeMutableRawBufferPointer(rebasing: bytes[offset..<offset + count])
        case .window(_, let offset): UnsafeMutableRawBufferPointer(rebasing: window[offset..<offset + count])
        }
    }

    func load(_ offset: Int) -> UInt32 { UInt32(littleEndian: bytes.load(fromByteOffset: offset, as: UInt32.self)) }

    func store(_ offset: Int, _ word: UInt32) {
        bytes.storeBytes(of: word.littleEndian, toByteOffset: offset, as: UInt32.self)
    }

    func checksum(_ offset: Int, count: Int) -> UInt32 { checksum(bytes[offset..<offset + count]) }

    func clear(_ offset: Int, count: Int) { Self.clear(bytes[offset..<offset + count]) }

    func checksum(window: Int, _ offset: Int, count: Int) -> UInt32 { checksum(self.window[offset..<offset + count]) }

    func clear(window: Int, _ offset: Int, count: Int) { Self.clear(self.window[offset..<offset + count]) }

    func copy(window: Int, _ offset: Int, to: Int, count: Int) {
        bytes.baseAddress?.advanced(by: to).copyMemory(
            from: self.window[offset..<offset + count].start, byteCount: count)
    }

    func copy(_ from: Int, toWindow window: Int, _ offset: Int, count: Int) {
        self.window.baseAddress?.advanced(by: offset).copyMemory(
            from: bytes[from..<from + count].start, byteCount: count)
    }

    /// Returns the CRC-32C of words in the order of memory.
    func checksum(words: [UInt32]) -> UInt32 { ~words.reduce(CRC32C.initial) { table.add($1, to: $0) } }

    private func checksum(_ part: Slice<UnsafeMutableRawBufferPointer>) -> UInt32 {
        let part = UnsafeRawBufferPointer(rebasing: part)
        var remainder = CRC32C.initial
        for offset in stride(from: 0, to: part.count, by: 4) {
            remainder = table.add(
                UInt32(littleEndian: part.load(fromByteOffset: offset, as: UInt32.self)), to: remainder)
        }
        return ~remainder
    }

    private static func clear(_ part: Slice<UnsafeMutableRawBufferPointer>) {
        UnsafeMutableRawBufferPointer(rebasing: part).initializeMemory(as: UInt8.self, repeating: 0)
    }
}

extension Slice<UnsafeMutableRawBufferPointer> {
    /// The address of the first byte of a slice that is not empty.
    fileprivate var start: UnsafeRawPointer {
        guard let start = UnsafeRawBufferPointer(rebasing: self).baseAddress else {
            preconditionFailure("the slice is empty")
        }
        return start
    }
}
