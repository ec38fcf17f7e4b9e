// The abort that a machine takes when its monitor refuses an access.

/// The value that a machine reads in ESR_EL1 when no device answers at the address that it has accessed (DDI 0487,
/// D19.2.37).
public struct ExternalAbort {
    public let syndrome: UInt64
    /// True if FAR_EL1 holds the address of the access.
    public let hasAddress: Bool

    /// - Parameters:
    ///   - exit: ESR_EL2 of the access that left the machine.
    ///   - fromEL0: true if the machine's EL0 made the access.
    public init(exit: UInt64, fromEL0: Bool) {
        let isFetch = exit >> 26 == 0x20
        hasAddress = isFetch || exit >> 26 == 0x24
        let instructionLength: UInt64 = 1 << 25
        guard hasAddress else {
            syndrome = instructionLength
            return
        }
        let kind: UInt64 = (isFetch ? 0x20 : 0x24) | (fromEL0 ? 0 : 1)
        // For data aborts: CM and WnR, which describe the access. FnV stays 0, because the address is valid.
        let access = isFetch ? 0 : exit & (1 << 8 | 1 << 6)
        let externalAbort: UInt64 = 0x10
        syndrome = kind << 26 | instructionLength | access | externalAbort
    }
}
