import Entente

/// Keeps the last lines of its clients.
public protocol LineLogInterface: Service {
    /// Appends a line. The oldest lines make room for it.
    mutating func append(_ line: ShortText)
    /// Returns the number of bytes that were ever appended, with a line feed for each line.
    mutating func length() -> UInt64
}
