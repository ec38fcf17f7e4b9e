// The guest-physical address of an abort of stage 2.

/// An abort that a machine's translation caused, as ESR_EL2 and FAR_EL2 describe it.
public struct StageTwoAbort {
    public let syndrome: UInt64
    /// The virtual address of the access (FAR_EL2).
    public let faultAddress: UInt64

    @inline(__always)
    public init(syndrome: UInt64, faultAddress: UInt64) {
        (self.syndrome, self.faultAddress) = (syndrome, faultAddress)
    }

    /// True if HPFAR_EL2 is UNKNOWN, because the access had no permission (xFSC 0b0011xx). The register is written for
    /// a permission fault only if the guest's own table walk met it (S1PTW). See DDI 0595, HPFAR_EL2.
    @inline(__always) public var needsTranslation: Bool { syndrome & (0x3C | 1 << 7) == 0x0C }

    /// Returns the guest-physical address by HPFAR_EL2, which holds bits 12 and up, from bit 4 on.
    @inline(__always)
    public func address(pageRegister: UInt64) -> GuestAddress {
        GuestAddress((pageRegister & 0xFFF_FFFF_FFF0) << 8 | faultAddress & 0xFFF)
    }

    /// Returns the guest-physical address by PAR_EL1, which a translation of `faultAddress` by stage 1 alone has
    /// filled. Returns nil if the guest's tables no longer translate the address (PAR_EL1.F), because another virtual
    /// CPU has changed them since. The access then has to be made again.
    @inline(__always)
    public func address(translation: UInt64) -> GuestAddress? {
        guard translation & 1 == 0 else { return nil }
        return GuestAddress(translation & 0x000F_FFFF_FFFF_F000 | faultAddress & 0xFFF)
    }
}
