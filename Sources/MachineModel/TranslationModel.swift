import KernelCore

/// Page tables as hardware sees them: what is cached, and what must be invalidated before it may be made again.
///
/// All cores share it under the board's lock.
struct TranslationModel: @unchecked Sendable {
    private struct CachedKey: Hashable {
        var core: UInt8
        var identifier: UInt16
        var page: UInt64
    }
    private struct Walk {
        var entry: PageTableEntry
        var level: Int
        /// The entries on the way, by their own addresses.
        var path: [UInt64]
    }
    private struct Cached {
        var translation: Translation
        var entry: PageTableEntry
        var level: Int
    }
    private var cached: [CachedKey: Cached] = [:]
    /// Entries that were broken and not invalidated, by their own address.
    private var broken: Set<UInt64> = []

    // MARK: What the kernel does

    mutating func write(_ table: PhysicalAddress, _ index: UInt64, _ entry: PageTableEntry) -> ModelFault? {
        let place = PhysicalMemory.word(at: table + index * 8)
        let before = PageTableEntry(bits: place.pointee.relaxedLoad())
        place.pointee.store(entry.bits)
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

    mutating func invalidate(_ translation: Translation, _ address: GuestAddress) {
        for key in walk(translation, address).path { broken.remove(key) }
        let identifier = UInt16(truncatingIfNeeded: translation.bits >> 48)
        cached = cached.filter { key, value in
            let span = Self.span(value.level)
            return key.identifier != identifier || key.page & ~(span - 1) != address.value & ~(span - 1)
        }
    }

    mutating func invalidateAll(_ translation: Translation) {
        let identifier = UInt16(truncatingIfNeeded: translation.bits >> 48)
        cached = cached.filter { $0.key.identifier != identifier }
    }

    mutating func invalidateLocally(_ translation: Translation, core: CoreID) {
        let identifier = UInt16(truncatingIfNeeded: translation.bits >> 48)
        cached = cached.filter { $0.key.identifier != identifier || $0.key.core != core.number }
    }

    // MARK: What tenants do

    /// A tenant's access: the physical address, or nil if it faults.
    mutating func translate(_ translation: Translation, _ address: GuestAddress, core: CoreID) -> PhysicalAddress? {
        let key = CachedKey(
            core: core.number, identifier: UInt16(truncatingIfNeeded: translation.bits >> 48),
            page: address.value & ~(Page.size - 1))
        if cached[key] == nil {
            let found = walk(translation, address)
            guard Self.isValid(found.entry) else { return nil }
            cached[key] = Cached(translation: translation, entry: found.entry, level: found.level)
        }
        let found = cached[key]!
        let frame = found.entry.bits & ModelMachine.addressMask
        return PhysicalAddress(frame | address.value & (Self.span(found.level) - 1))
    }

    // MARK: What must hold when the kernel returns

    mutating func faults() -> [ModelFault] {
        var found = broken.map { key in
            ModelFault.leftWithoutInvalidation(table: key & ~(Page.size - 1), index: key >> 3 & 511)
        }
        broken = []
        for (key, value) in cached where walk(value.translation, GuestAddress(key.page)).entry != value.entry {
            found.append(.staleTranslation(identifier: key.identifier, address: key.page))
        }
        return found
    }

    private func walk(_ translation: Translation, _ address: GuestAddress) -> Walk {
        var table = PhysicalAddress(translation.bits & ModelMachine.addressMask)
        var path: [UInt64] = []
        for level in 1...3 {
            let index = address.value >> (12 + 9 * UInt64(3 - level)) & 511
            let place = table + index * 8
            path.append(place.value)
            let entry = PageTableEntry(bits: PhysicalMemory.word(at: place).pointee.load())
            guard level < 3, let next = ModelMachine.table(of: entry) else {
                return Walk(entry: entry, level: level, path: path)
            }
            table = next
        }
        fatalError("the last level has no tables")
    }

    private static func isValid(_ entry: PageTableEntry) -> Bool { entry.bits & 1 != 0 }
    private static func span(_ level: Int) -> UInt64 { 1 << (12 + 9 * UInt64(3 - level)) }
}
