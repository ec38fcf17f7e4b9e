import ABI
import Entente
import Supervision

/// The bells of one shared region.
struct RegionBells {
    /// A notification for the end that is a machine, bound to an interrupt of it; it outlives the machine.
    var lines = InlineArray<2, UInt32>(repeating: 0)
    /// For each direction, by the end that rings: 1 + the lives of both ends for which the bell is bound; 0: it is not.
    var boundSender = InlineArray<2, UInt64>(repeating: 0)
    var boundReceiver = InlineArray<2, UInt64>(repeating: 0)
}

// Shared regions. Root makes their memory once; each life of either end gets mappings of its own, and no capability of
// the memory, so that neither end can take it from the other. A bell is bound when both ends are there, and again when
// an end that it hangs on has a new life.
extension SystemBuilder {
    static func region(_ number: Int) -> SharedRegionRecord { BootTable.header.regions[number] }

    /// The tenant at an end (0 or 1) of a region.
    private static func tenant(at end: Int, of number: Int) -> Int {
        Int(end == 0 ? region(number).first : region(number).second) - 1
    }

    private static func isMachine(_ index: Int) -> Bool {
        BootTable.tenant(index).kind == TenantKind.machine.rawValue
    }

    /// Returns how many regions a tenant is an end of: each takes a slot for a mapping in its space.
    static func regionCount(_ record: TenantRecord) -> UInt32 {
        var count: UInt32 = 0
        for number in 0..<SharedRegions.maximum where isEnd(record, of: number) { count += 1 }
        return count
    }

    /// Returns how many page tables a tenant's regions need at most: one of 2 MiB entries and those of 4 KiB entries.
    static func regionTables(_ record: TenantRecord) -> UInt64 {
        var tables: UInt64 = 0
        for number in 0..<SharedRegions.maximum where isEnd(record, of: number) {
            tables += 1 + (region(number).size + 0x1F_FFFF) >> 21
        }
        return tables
    }

    private static func isEnd(_ record: TenantRecord, of number: Int) -> Bool {
        guard region(number).size != 0 else { return false }
        for end in 0..<2 where isSame(BootTable.tenant(tenant(at: end, of: number)).name, record.name) { return true }
        return false
    }

    mutating func prepareRegions() {
        for number in 0..<SharedRegions.maximum where SystemBuilder.region(number).size != 0 {
            let size = SystemBuilder.region(number).size
            // Large entries serve what is large.
            regions[number] = memory.clearedExtent(size, alignment: size >= 1 << 21 ? 1 << 21 : 4096)
            for end in 0..<2 where SystemBuilder.isMachine(SystemBuilder.tenant(at: end, of: number)) {
                bells[number].lines[end] = memory.create(.notification)
            }
        }
    }

    /// The tenant's part of its regions: the memory, what tells it, and the bells between it and peers that are there.
    mutating func connectRegions(of index: Int) {
        for number in 0..<SharedRegions.maximum where SystemBuilder.region(number).size != 0 {
            for end in 0..<2 where SystemBuilder.tenant(at: end, of: number) == index {
                mapRegion(number, into: index)
                if bells[number].lines[end] != 0 { bindInterrupt(number, end, index) }
                bindBell(of: number, from: end)
                bindBell(of: number, from: 1 - end)
            }
        }
    }

    private mutating func mapRegion(_ number: Int, into index: Int) {
        let isMachine = SystemBuilder.isMachine(index)
        let slot = takeSlot(for: index)
        map(
            isMachine ? tenants[index].machineSpace : tenants[index].space, regions[number],
            isMachine ? SharedRegions.machineAddress(number) : SharedRegions.componentAddress(number),
            size: SystemBuilder.region(number).size, .readWrite, in: slot)
    }

    /// Has each ring at this end raise an interrupt of the machine's first virtual CPU.
    private func bindInterrupt(_ number: Int, _ end: Int, _ index: Int) {
        require(
            invoke(
                .notificationBind,
                Selector(slot: bells[number].lines[end], form: NotificationBind.virtualInterrupt.rawValue),
                Words(UInt64(tenants[index].virtualCPUs[0]), SharedRegions.interrupt(number))),
            "cannot bind the interrupt of a shared region")
    }

    /// Lets the end `sender` ring the other, if both are there and this was not done for their present lives.
    private mutating func bindBell(of number: Int, from sender: Int) {
        let from = SystemBuilder.tenant(at: sender, of: number)
        let to = SystemBuilder.tenant(at: 1 - sender, of: number)
        guard tenants[from].isConnected, tenants[to].isConnected else { return }
        let line = bells[number].lines[1 - sender]
        // A machine's line is the same in all its lives.
        let receiverLife = line == 0 ? tenants[to].lives + 1 : 1
        let senderLife = tenants[from].lives + 1
        guard bells[number].boundSender[sender] != senderLife || bells[number].boundReceiver[sender] != receiverLife
        else { return }
        bells[number].boundSender[sender] = senderLife
        bells[number].boundReceiver[sender] = receiverLife
        let target = line == 0 ? tenants[to].notification : line
        let bits = line == 0 ? 1 << (SharedRegions.firstEvent + UInt64(number)) : UInt64(1)
        if SystemBuilder.isMachine(from) {
            // The monitor may have used up the doorbells of its machine's space; then the machine goes without.
            _ = invoke(
                .doorbell, Selector(slot: tenants[from].machineSpace),
                Words(SharedRegions.doorbell(number), UInt64(target), bits))
        } else {
            // The badge is what is raised, whatever the component says. The table is its tenant's: one that lives may
            // have put something else into the slot, and then goes without.
            let slot = SharedRegions.firstBell + UInt32(number)
            _ = invoke(
                .derive, Selector(slot: target),
                Words(UInt64(tenants[from].table), UInt64(slot), UInt64(Rights.write.rawValue), bits))
        }
    }

    /// The regions that a component is an end of.
    static func fill(_ ends: inout InlineArray<8, SharedRegionEnd>, _ index: Int) {
        for number in 0..<SharedRegions.maximum where region(number).size != 0 {
            guard tenant(at: 0, of: number) == index || tenant(at: 1, of: number) == index else { continue }
            ends[number].name = region(number).name
            ends[number].size = region(number).size
        }
    }
}
