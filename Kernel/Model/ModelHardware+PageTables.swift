import ABI
import KernelCore

// Stage-2 descriptors in the architecture's format (DDI 0487, D8.3), so that the model distinguishes levels in the
// same way.

extension ModelHardware {
    static let addressMask: UInt64 = 0x0000_FFFF_FFFF_F000
    private static let valid: UInt64 = 1
    private static let tableOrPage: UInt64 = 2
    private static let rightsShift: UInt64 = 55

    /// Loads an entry with acquire order, so that a walker that follows it finds the table behind it cleared. On
    /// hardware the address dependency ensures this.
    public static func readEntry(_ table: PhysicalAddress, _ index: UInt64) -> PageTableEntry {
        let word = PhysicalMemory.word(at: table + index * 8)
        return PageTableEntry(bits: word.pointee.loadAddress(span: Int(Page.size), mask: addressMask))
    }

    public static func writeEntry(_ table: PhysicalAddress, _ index: UInt64, _ entry: PageTableEntry) {
        let board = core.board
        if let fault = board.withTranslations({ $0.write(table, index, entry) }) { board.report(fault) }
    }

    /// Makes an entry for a table. Reports a fault unless the table is zero, because the kernel puts it into use now.
    public static func tableEntry(_ table: PhysicalAddress) -> PageTableEntry {
        let entries = UnsafeBufferPointer(start: PhysicalMemory.pointer(to: table), count: 512)
        if entries.contains(where: { $0 != 0 }) { core.board.report(.tableNotZeroed(table.value)) }
        return PageTableEntry(bits: table.value | tableOrPage | valid)
    }

    /// Makes a leaf. Rights lie in bits that hardware ignores, device memory in the attribute field.
    public static func leafEntry(
        _ frame: PhysicalAddress, level: Int, rights: Rights, device isDevice: Bool
    ) -> PageTableEntry {
        PageTableEntry(
            bits: frame.value | valid | (level == 3 ? tableOrPage : 0) | UInt64(rights.rawValue) << rightsShift
                | (isDevice ? 1 << 2 : 0xF << 2))
    }

    /// Returns the rights that `leafEntry` was given.
    public static func rights(of entry: PageTableEntry) -> Rights {
        Rights(rawValue: UInt8(truncatingIfNeeded: entry.bits >> rightsShift & 7))
    }

    public static func table(of entry: PageTableEntry) -> PhysicalAddress? {
        entry.bits & 3 == 3 ? PhysicalAddress(entry.bits & addressMask) : nil
    }

    public static func isMemory(_ entry: PageTableEntry, _ right: Rights) -> Bool {
        entry.bits & 0xF << 2 == 0xF << 2 && rights(of: entry).contains(right)
    }

    public static func frame(of entry: PageTableEntry) -> PhysicalAddress { PhysicalAddress(entry.bits & addressMask) }

    public static func makeTranslation(root: PhysicalAddress, identifier: UInt16) -> Translation {
        let translation = Translation(bits: UInt64(identifier) << 48 | root.value)
        if let fault = core.board.withTranslations({ $0.traces.make(translation) }) { core.board.report(fault) }
        return translation
    }

    public static func setTranslation(_ translation: Translation) {
        core.translation = translation
        core.board.withTranslations { $0.traces.set(translation, core: core.id) }
    }

    public static func invalidate(_ translation: Translation, _ address: GuestAddress) {
        core.board.withTranslations { $0.invalidate(translation, address) }
    }

    public static func invalidateAll(_ translation: Translation) {
        core.board.withTranslations { $0.invalidateAll(translation) }
    }

    public static func invalidateLocally(_ translation: Translation) {
        setTranslation(translation)
        core.board.withTranslations { $0.invalidateLocally(translation, core: core.id) }
    }
}
