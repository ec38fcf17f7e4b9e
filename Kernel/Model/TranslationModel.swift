import KernelCore

/// Page tables as hardware sees them: the cached entries, and the entries that must be invalidated before they are
/// made again. All cores share this state under the board's lock.
struct TranslationModel: @unchecked Sendable {
    private struct Key: Hashable {
        var core: UInt8
        var identifier: UInt16
        var page: UInt64
    }
    private struct Walk {
        var entry: PageTableEntry
        var level: Int
        /// The addresses of the entries on the path.
        var path: [UInt64]
    }
    private struct Cached {
        var translation: Translation
        var space: TranslationTraces.Space
        var entry: PageTableEntry
        var level: Int
    }
    private struct Combined {
        var cached: Cached
        var regime: TranslationTraces.Regime
    }
    /// The entries that accesses have put into the TLBs: of stage 2 alone, and of both stages combined.
    private var stage2: [Key: Cached] = [:]
    private var combined: [Key: Combined] = [:]
    /// The addresses of entries that were broken and not yet invalidated.
    private var broken: Set<UInt64> = []
    /// Further entries that may be in the TLBs.
    var traces = TranslationTraces()

    // MARK: Actions of the kernel

    mutating func write(_ table: PhysicalAddress, _ index: UInt64, _ entry: PageTableEntry) -> ModelFault? {
        let word = PhysicalMemory.word(at: table + index * 8)
        let before = PageTableEntry(bits: word.pointee.relaxedLoad())
        word.pointee.store(entry.bits)
        let key = table.value + index * 8
        if !Self.isValid(before) {
            let isMade = Self.isValid(entry) && broken.contains(key)
            return isMade ? .madeWithoutInvalidation(table: table.value, index: index) : nil
        }
        if !Self.isValid(entry) {
            broken.insert(key)
            return nil
        }
        return before == entry ? nil : .replacedWithoutBreak(table: table.value, index: index)
    }

    /// Invalidates one intermediate address on all cores (`TLBI IPAS2E1IS`: the whole block that contains it), and
    /// all combined entries of the VMID (`TLBI VMALLE1IS`), because those are not found by an intermediate address.
    mutating func invalidate(_ translation: Translation, _ address: GuestAddress) {
        for key in walk(translation, address).path { broken.remove(key) }
        let identifier = Self.identifier(translation)
        stage2 = stage2.filter { key, value in
            let span = Self.span(value.level)
            return key.identifier != identifier || key.page & ~(span - 1) != address.value & ~(span - 1)
        }
        combined = combined.filter { $0.key.identifier != identifier }
        traces.invalidateCombined(translation)
    }

    /// Invalidates all entries of the VMID on all cores (`TLBI VMALLS12E1IS`).
    mutating func invalidateAll(_ translation: Translation) {
        if !broken.isEmpty { removeBroken(PhysicalAddress(translation.bits & ModelHardware.addressMask), level: 1) }
        let identifier = Self.identifier(translation)
        stage2 = stage2.filter { $0.key.identifier != identifier }
        combined = combined.filter { $0.key.identifier != identifier }
        traces.invalidateAll(translation)
    }

    /// Invalidates, on one core, the combined entries of the VMID (`TLBI VMALLE1`).
    mutating func invalidateLocally(_ translation: Translation, core: CoreID) {
        let identifier = Self.identifier(translation)
        combined = combined.filter { $0.key.identifier != identifier || $0.key.core != core.number }
        traces.invalidateCombined(translation, core: core)
    }

    // MARK: Actions of tenants

    /// Translates a tenant's access to a physical address, or to nil if it faults. Uses an entry in the TLB if its
    /// tags match, regardless of the tenant that left it there. Returns a fault if the entry was another tenant's.
    mutating func translate(
        _ translation: Translation, _ address: GuestAddress, core: CoreID
    ) -> (address: UInt64, fault: ModelFault?)? {
        let space = traces.space(translation), regime = traces.regime(core: core)
        let key = Key(core: core.number, identifier: space.identifier, page: address.value & ~(Page.size - 1))
        if let hit = combined[key] {
            let fault = Self.fault(hit.cached, space, core, isForeign: hit.regime != regime)
            return (Self.physicalAddress(hit.cached, address), fault)
        }
        if stage2[key] == nil {
            let found = walk(translation, address)
            guard Self.isValid(found.entry) else { return nil }
            stage2[key] = Cached(translation: translation, space: space, entry: found.entry, level: found.level)
        }
        let found = stage2[key]!
        combined[key] = Combined(cached: found, regime: regime)
        return (Self.physicalAddress(found, address), Self.fault(found, space, core, isForeign: false))
    }

    private static func physicalAddress(_ cached: Cached, _ address: GuestAddress) -> UInt64 {
        cached.entry.bits & ModelHardware.addressMask | address.value & (span(cached.level) - 1)
    }

    private static func fault(
        _ cached: Cached, _ space: TranslationTraces.Space, _ core: CoreID, isForeign: Bool
    ) -> ModelFault? {
        if cached.space != space { return .anotherSpacesTranslation(identifier: space.identifier, core: core.number) }
        return isForeign ? .anotherVirtualCPUsTranslation(identifier: space.identifier, core: core.number) : nil
    }

    // MARK: Checks when the kernel returns

    mutating func faults() -> [ModelFault] {
        var found = broken.map { key in
            ModelFault.leftWithoutInvalidation(table: key & ~(Page.size - 1), index: key >> 3 & 511)
        }
        broken = []
        let all = stage2.merging(combined.mapValues { $0.cached }) { first, _ in first }
        for (key, value) in all where walk(value.translation, GuestAddress(key.page)).entry != value.entry {
            found.append(.staleTranslation(identifier: key.identifier, address: key.page))
        }
        return found
    }

    private mutating func removeBroken(_ table: PhysicalAddress, level: Int) {
        for index in 0..<512 as Range<UInt64> {
            let entryAddress = table + index * 8
            broken.remove(entryAddress.value)
            guard level < 3 else { continue }
            let entry = PageTableEntry(bits: PhysicalMemory.word(at: entryAddress).pointee.load())
            if let next = ModelHardware.table(of: entry) { removeBroken(next, level: level + 1) }
        }
    }

    private func walk(_ translation: Translation, _ address: GuestAddress) -> Walk {
        var table = PhysicalAddress(translation.bits & ModelHardware.addressMask)
        var path: [UInt64] = []
        for level in 1...3 {
            let index = address.value >> (12 + 9 * UInt64(3 - level)) & 511
            let entryAddress = table + index * 8
            path.append(entryAddress.value)
            let entry = PageTableEntry(bits: PhysicalMemory.word(at: entryAddress).pointee.load())
            guard level < 3, let next = ModelHardware.table(of: entry) else {
                return Walk(entry: entry, level: level, path: path)
            }
            table = next
        }
        fatalError("the last level has no tables")
    }

    private static func identifier(_ translation: Translation) -> UInt16 {
        UInt16(truncatingIfNeeded: translation.bits >> 48)
    }
    private static func isValid(_ entry: PageTableEntry) -> Bool { entry.bits & 1 != 0 }
    private static func span(_ level: Int) -> UInt64 { 1 << (12 + 9 * UInt64(3 - level)) }
}
