/// A guest's own translation of addresses (stage 1 of EL1 and EL0), with which the monitor finds the instruction that
/// left the machine.
///
/// The tables lie in the guest's memory, and the guest can write arbitrary values there, even during a walk. A walk
/// reads at most five entries, and only through a function that checks each address. The result grants no access: the
/// walk ignores access flags and permissions, because hardware has fetched the instruction already.
public struct StageOne {
    /// SCTLR_EL1, TCR_EL1, TTBR0_EL1, TTBR1_EL1.
    private let control: UInt64
    private let configuration: UInt64
    private let lowTable: UInt64
    private let highTable: UInt64

    public init(control: UInt64, configuration: UInt64, lowTable: UInt64, highTable: UInt64) {
        self.control = control
        self.configuration = configuration
        self.lowTable = lowTable
        self.highTable = highTable
    }

    private var isEnabled: Bool { control & 1 != 0 }

    /// Returns whether data accesses are big endian (SCTLR_EL1.EE, E0E). The endianness of tables is that of EL1's
    /// data.
    public func isBigEndian(atEL0: Bool) -> Bool { control & 1 << (atEL0 ? 24 : 25) != 0 }

    /// Returns the physical address of an instruction.
    /// - Parameter read: returns the 8 bytes at a physical address that is a multiple of 8; nil if there is no
    ///   memory.
    /// - Returns: nil if the address is not mapped, or the tables are invalid.
    public func physicalAddress(ofInstructionAt address: UInt64, _ read: (UInt64) -> UInt64?) -> UInt64? {
        guard isEnabled else { return address }
        guard let walk = TableWalk(address, isHigh: address & 1 << 55 != 0, self) else { return nil }
        return walk.follow(isBigEndian: isBigEndian(atEL0: false), read)
    }

    fileprivate func range(isHigh: Bool) -> Range {
        isHigh
            ? Range(
                table: highTable, size: configuration >> 16 & 63, isDisabled: configuration & 1 << 23 != 0,
                granule: Granule(high: configuration >> 30 & 3))
            : Range(
                table: lowTable, size: configuration & 63, isDisabled: configuration & 1 << 7 != 0,
                granule: Granule(low: configuration >> 14 & 3))
    }

    /// TCR_EL1.DS: descriptors of 52 bits with the granules of 4 and 16 KiB. Machines are not promised this feature.
    fileprivate var hasWideDescriptors: Bool { configuration & 1 << 59 != 0 }

    /// The registers' fields for the lower or upper addresses.
    fileprivate struct Range {
        let table: UInt64
        /// TxSZ.
        let size: UInt64
        let isDisabled: Bool
        let granule: Granule?
    }
}

/// The sizes of pages and tables; `rawValue` is the number of address bits within one.
private enum Granule: UInt64 {
    case kib4 = 12
    case kib16 = 14
    case kib64 = 16

    /// TCR_EL1.TG0.
    init?(low: UInt64) {
        switch low {
        case 0: self = .kib4
        case 1: self = .kib64
        case 2: self = .kib16
        default: return nil
        }
    }

    /// TCR_EL1.TG1.
    init?(high: UInt64) {
        switch high {
        case 1: self = .kib16
        case 2: self = .kib4
        case 3: self = .kib64
        default: return nil
        }
    }

    /// The number of address bits that each level translates.
    var stride: UInt64 { rawValue - 3 }
    /// The first level that can hold a block (DDI 0487, D8.3.1).
    var firstBlockLevel: Int { self == .kib4 ? 1 : 2 }
}

/// One walk through a guest's tables (DDI 0487, D8.2).
private struct TableWalk {
    private let address: UInt64
    private let granule: Granule
    private let table: UInt64
    private let addressBits: UInt64
    private let firstLevel: Int

    private static let lastLevel = 3
    /// Bits 47…0, because a machine has no memory beyond.
    private static let outputMask: UInt64 = 1 << 48 - 1

    init?(_ address: UInt64, isHigh: Bool, _ stage: StageOne) {
        let range = stage.range(isHigh: isHigh)
        guard !range.isDisabled, let granule = range.granule else { return nil }
        if stage.hasWideDescriptors, granule != .kib64 { return nil }
        // TxSZ may be 16…48 with small tables, and from 12 on with large addresses (FEAT_TTST, FEAT_LVA).
        guard range.size >= (granule == .kib64 ? 12 : 16), range.size <= 48 else { return nil }
        addressBits = 64 - range.size
        // All higher bits must equal bit 55.
        guard address >> addressBits == (isHigh ? ~0 >> addressBits : 0) else { return nil }
        self.address = address
        self.granule = granule
        let levels = (addressBits - granule.rawValue + granule.stride - 1) / granule.stride
        firstLevel = TableWalk.lastLevel + 1 - Int(levels)
        guard firstLevel <= TableWalk.lastLevel, firstLevel >= 0 else { return nil }
        // The table is aligned to its size, and at least to 64 bytes; bit 0 is CnP.
        let entries = addressBits - TableWalk.lowestBit(of: firstLevel, granule)
        table = range.table & TableWalk.outputMask & ~((8 << entries) - 1) & ~63
    }

    /// Returns the lowest bit of an address that a level translates.
    private static func lowestBit(of level: Int, _ granule: Granule) -> UInt64 {
        granule.rawValue + granule.stride * UInt64(lastLevel - level)
    }

    func follow(isBigEndian: Bool, _ read: (UInt64) -> UInt64?) -> UInt64? {
        var table = table
        for level in firstLevel...TableWalk.lastLevel {
            let shift = TableWalk.lowestBit(of: level, granule)
            guard let stored = read(table | index(shift, level) << 3) else { return nil }
            let entry = isBigEndian ? stored.byteSwapped : stored
            guard entry & 1 != 0 else { return nil }
            if level == TableWalk.lastLevel || entry & 2 == 0 {
                let isLeaf = level == TableWalk.lastLevel ? entry & 2 != 0 : level >= granule.firstBlockLevel
                return isLeaf ? output(entry, within: shift) : nil
            }
            table = entry & TableWalk.outputMask & ~((1 << granule.rawValue) - 1)
        }
        return nil
    }

    private func index(_ shift: UInt64, _ level: Int) -> UInt64 {
        let bits = level == firstLevel ? addressBits - shift : granule.stride
        return address >> shift & ((1 << bits) - 1)
    }

    private func output(_ entry: UInt64, within bits: UInt64) -> UInt64 {
        let inside: UInt64 = (1 << bits) - 1
        return entry & TableWalk.outputMask & ~inside | address & inside
    }
}
