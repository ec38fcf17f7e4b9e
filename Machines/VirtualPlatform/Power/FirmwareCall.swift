/// A call to the firmware, by HVC or SMC: the function in `w0`, its arguments in `x1…x3` (SMCCC 1.1, DEN0028).
public struct FirmwareCall {
    public var function: UInt32
    public var arguments: (UInt64, UInt64, UInt64)

    /// Makes a call. A function of the 32-bit convention sees only the low halves of its arguments.
    @inline(__always)
    public init(function: UInt64, _ first: UInt64, _ second: UInt64, _ third: UInt64) {
        self.function = UInt32(truncatingIfNeeded: function)
        let bits: UInt64 = self.function & 1 << 30 != 0 ? ~0 : 0xFFFF_FFFF
        arguments = (first & bits, second & bits, third & bits)
    }
}
