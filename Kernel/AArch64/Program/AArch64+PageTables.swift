import ABI
import AArch64Support
import KernelCore

// Stage-2 descriptors (DDI 0487, D8.3) and their invalidation.

extension AArch64 {
    private static let valid: UInt64 = 1
    /// The descriptor is a table at levels 1 and 2, and a page at level 3.
    private static let tableOrPage: UInt64 = 2
    private static let accessFlag: UInt64 = 1 << 10
    private static let innerShareable: UInt64 = 3 << 8
    private static let readable: UInt64 = 1 << 6
    private static let writable: UInt64 = 1 << 7
    private static let executeNever: UInt64 = 1 << 54
    private static let normal: UInt64 = 0xF << 2
    private static let device: UInt64 = 0x1 << 2  // Device-nGnRE
    private static let addressMask: UInt64 = 0x0000_FFFF_FFFF_F000

    static func readEntry(_ table: PhysicalAddress, _ index: UInt64) -> PageTableEntry {
        PageTableEntry(bits: memory_read64(table.value &+ index &* 8))
    }

    static func writeEntry(_ table: PhysicalAddress, _ index: UInt64, _ entry: PageTableEntry) {
        // Orders this after the stores that cleared the table to which the entry points, so that a walker finds it
        // cleared.
        barrier_dsb_ishst()
        memory_write64(table.value &+ index &* 8, entry.bits)
        barrier_dsb_ishst()
    }

    static func tableEntry(_ table: PhysicalAddress) -> PageTableEntry {
        PageTableEntry(bits: table.value | tableOrPage | valid)
    }

    static func leafEntry(
        _ frame: PhysicalAddress, level: Int, rights: Rights, device isDevice: Bool
    ) -> PageTableEntry {
        var bits = frame.value | valid | accessFlag
        bits |= level == 3 ? tableOrPage : 0
        bits |= isDevice ? device : normal | innerShareable
        bits |= rights.contains(.read) ? readable : 0
        bits |= rights.contains(.write) ? writable : 0
        bits |= rights.contains(.execute) && !isDevice ? 0 : executeNever
        return PageTableEntry(bits: bits)
    }

    static func table(of entry: PageTableEntry) -> PhysicalAddress? {
        entry.bits & 3 == 3 ? PhysicalAddress(entry.bits & addressMask) : nil
    }

    static func isMemory(_ entry: PageTableEntry, _ right: Rights) -> Bool {
        guard entry.bits & normal == normal else { return false }
        return (!right.contains(.read) || entry.bits & readable != 0)
            && (!right.contains(.write) || entry.bits & writable != 0)
    }

    static func frame(of entry: PageTableEntry) -> PhysicalAddress { PhysicalAddress(entry.bits & addressMask) }

    static func makeTranslation(root: PhysicalAddress, identifier: UInt16) -> Translation {
        Translation(bits: UInt64(identifier) << 48 | root.value)
    }

    @inline(__always)
    static func setTranslation(_ translation: Translation) { write_VTTBR_EL2(translation.bits) }

    // MARK: Invalidation

    // Instructions for the TLB concern the VMID of VTTBR_EL2, so the functions below write another space's value there
    // for a while. TTBR0, TTBR1 and TCR belong to the loaded machine meanwhile. Walks of stage 1 are off (TCR_EL1.EPD0,
    // EPD1), because cores with the errata 1165522, 1319367, 1319537 and 1530923 may speculate an AT instruction and
    // keep the result of a walk that mixes the machine's stage 1 with that space's stage 2.

    /// Turns walks of stage 1 off. Returns the register's value.
    @inline(__always)
    static func stopWalks() -> UInt64 {
        let control = read_TCR_EL1()
        write_TCR_EL1(control | walksAreOff)
        barrier_isb()
        return control
    }

    /// The bits of TCR_EL1 that turn walks by TTBR0 and TTBR1 off (EPD0, EPD1).
    static let walksAreOff: UInt64 = 1 << 23 | 1 << 7

    /// Invalidates entries of a space by `body`, which ends with a DSB.
    @inline(__always)
    private static func inSpace(_ translation: Translation, _ body: () -> Void) {
        let control = stopWalks()
        let present = read_VTTBR_EL2()
        write_VTTBR_EL2(translation.bits)
        barrier_isb()
        barrier_dsb_ishst()
        body()
        barrier_isb()
        write_VTTBR_EL2(present)
        barrier_isb()
        write_TCR_EL1(control)
        barrier_isb()
    }

    /// Invalidates the address, then the combined entries of both stages, which hold no intermediate address
    /// (D8.13.5).
    static func invalidate(_ translation: Translation, _ address: GuestAddress) {
        inSpace(translation) {
            tlbi_ipas2e1is(address.value >> 12)
            barrier_dsb_ish()
            tlbi_vmalle1is()
            barrier_dsb_ish()
        }
    }

    /// Invalidates stages 1 and 2 of the VMID on all cores (D8.13.5).
    static func invalidateAll(_ translation: Translation) {
        inSpace(translation) {
            tlbi_vmalls12e1is()
            barrier_dsb_ish()
        }
    }

    /// Invalidates the space's entries on this core, because two virtual CPUs of a machine that share a core share
    /// its TLB entries. Leaves the space's translation set and walks off, because `load` follows.
    static func invalidateLocally(_ translation: Translation) {
        _ = stopWalks()
        write_VTTBR_EL2(translation.bits)
        barrier_isb()
        tlbi_vmalle1()
        barrier_dsb_ish()
        barrier_isb()
    }
}
