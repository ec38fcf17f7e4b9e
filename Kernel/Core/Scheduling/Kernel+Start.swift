import ABI

// The functions with which the architecture's start-up code makes root. No other code may use them, because they
// bypass the derivation tree's checks.

extension Kernel {
    /// Puts a capability that has no parent into a free slot.
    public static func install(_ capability: CapabilityValue, in table: Ref<CapabilityTable>, _ slot: UInt32) {
        guard let slot = table.pointee.slot(slot) else { return }
        slot.pointee.object = capability.object
        slot.pointee.word = capability.word
        slot.pointee.header.store(CapabilityHeader.make(capability, owner: false))
    }

    /// Gives a region memory that no tenant had before.
    public static func initialiseAtStart(_ region: Ref<Region>, from start: PhysicalAddress, to end: PhysicalAddress) {
        region.pointee.start = start
        region.pointee.next = start
        region.pointee.zeroedFrom = start
        region.pointee.zeroedTo = start
        region.pointee.end = end
    }

    public static func initialiseAtStart(_ space: Ref<AddressSpace>, pages: UInt64) {
        try? initialiseSpace(space, pages: pages)
        space.pointee.isComponents = true
    }

    /// Maps physical memory that root will hold. Returns false if the space's pool of tables is too small.
    public static func mapAtStart(
        _ space: Ref<AddressSpace>, _ physical: PhysicalAddress, _ address: GuestAddress, _ size: UInt64,
        _ rights: Rights
    ) -> Bool {
        let extent = CapabilityValue(kind: .extent, rights: .all, isDevice: false, object: physical, word: size)
        var done: UInt64 = 0
        while done < size {
            let request = MapRequest(address: address + done, offset: done, size: size &- done, rights: rights)
            guard let step = try? map(space, extent, request), step != 0 else { return false }
            done &+= step
        }
        return true
    }
}

extension Rights {
    public static var readOnly: Rights { .read }
    public static var readWrite: Rights { Rights(rawValue: Rights.read.rawValue | Rights.write.rawValue) }
}
