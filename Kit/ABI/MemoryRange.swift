public struct MemoryRange: Sendable, Equatable {
    public var base: UInt64
    public var size: UInt64
    @inline(__always) public init(base: UInt64, size: UInt64) { self.base = base; self.size = size }
}
