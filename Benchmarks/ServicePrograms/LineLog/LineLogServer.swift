import Entente

/// The log, a ring of bytes in the component's own memory.
public struct LineLogServer: LineLogInterface {
    private var bytes: [UInt8]
    private var appended = 0

    /// - Parameter capacity: the number of bytes that the log keeps, a power of two.
    public init(capacity: Int) { bytes = Array(repeating: 0, count: capacity) }

    public mutating func append(_ line: ShortText) {
        let (mask, start) = (bytes.count - 1, appended)
        var span = bytes.mutableSpan
        for index in 0..<line.count { span[(start + index) & mask] = line[index] }
        span[(start + line.count) & mask] = 0x0A
        appended += line.count + 1
    }

    public mutating func length() -> UInt64 { UInt64(appended) }
}
