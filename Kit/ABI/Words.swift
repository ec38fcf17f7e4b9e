/// The six words `x2…x7` of an operation, of its answer, or of a message.
public struct Words {
    public var w0, w1, w2, w3, w4, w5: UInt64

    @inline(__always)
    public init(
        _ w0: UInt64 = 0, _ w1: UInt64 = 0, _ w2: UInt64 = 0, _ w3: UInt64 = 0, _ w4: UInt64 = 0, _ w5: UInt64 = 0
    ) {
        self.w0 = w0
        self.w1 = w1
        self.w2 = w2
        self.w3 = w3
        self.w4 = w4
        self.w5 = w5
    }
}
