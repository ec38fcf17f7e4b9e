import KernelCore

/// The entries that the cores' TLBs may hold of the tenants that ran, even if no test made them access memory.
///
/// Hardware may cache any translation of a tenant while it runs, and those of stage 2 as long as VTTBR_EL2 holds the
/// table (DDI 0487, D8.13.1). The model assumes that it does. Each tenant that runs leaves two traces in the TLB of
/// its core, and a trace stays until an invalidation reaches it. If a tenant runs while another's trace would match
/// its accesses, the model reports a fault of the kernel.
struct TranslationTraces {
    /// The owner of the stage-1 translations that an entry contains.
    enum Regime: Hashable {
        /// Components: they have no stage 1, so that each address maps to itself in all of a space.
        case flat
        /// A virtual CPU's own tables, during one of its stays in a space.
        case virtualCPU(stay: UInt64)
    }

    /// A space. The serial number tells it from an earlier one with the same VMID and address.
    struct Space: Hashable {
        var bits: UInt64
        var serial: UInt64
        var identifier: UInt16 { UInt16(truncatingIfNeeded: bits >> 48) }
    }

    private struct Tag: Hashable {
        var core: UInt8
        var identifier: UInt16
    }

    /// The translations that may be cached under one VMID on one core.
    private struct Traces {
        /// Entries of stage 2 alone, tagged by VMID and intermediate address.
        var stage2: Set<Space> = []
        /// Entries of both stages combined, tagged by VMID and virtual address.
        var combined: [Regime: Space] = [:]
    }

    private struct Stay {
        var number: UInt64
        /// The space; nil if the virtual CPU has not run yet.
        var space: Space?
    }

    private var traces: [Tag: Traces] = [:]
    private var serials: [UInt64: UInt64] = [:]
    private var stays: [UInt64: Stay] = [:]
    /// The number of spaces and stays so far.
    private var count: UInt64 = 0
    /// The value of VTTBR_EL2 of each core.
    private var current: [UInt8: Space] = [:]
    /// The tenant that runs on each core outside of the kernel.
    private var running: [UInt8: (space: Space, regime: Regime)] = [:]

    // MARK: Actions of the kernel

    /// Makes a space. Its VMID must be in no core's VTTBR_EL2.
    mutating func make(_ translation: Translation) -> ModelFault? {
        count += 1
        serials[translation.bits] = count
        let identifier = space(translation).identifier
        guard current.values.contains(where: { $0.identifier == identifier }) else { return nil }
        return .identifierInUse(identifier)
    }

    /// Makes a virtual CPU, perhaps at the address of an earlier one.
    mutating func make(virtualCPU address: UInt64) {
        count += 1
        stays[address] = Stay(number: count, space: nil)
    }

    mutating func set(_ translation: Translation, core: CoreID) { current[core.number] = space(translation) }

    mutating func enterKernel(core: CoreID) { running[core.number] = nil }

    /// Lets a tenant run; nil stands for a component. Returns faults for traces that it could hit although they are
    /// not its own.
    mutating func run(_ translation: Translation, virtualCPU address: UInt64?, core: CoreID) -> [ModelFault] {
        let space = space(translation)
        let regime = address.map { self.regime(of: $0, in: space) } ?? Regime.flat
        let tag = Tag(core: core.number, identifier: space.identifier)
        let found = traces[tag] ?? Traces()
        var faults: [ModelFault] = []
        if found.stage2.contains(where: { $0 != space }) || found.combined.values.contains(where: { $0 != space }) {
            faults.append(.anotherSpacesTranslation(identifier: space.identifier, core: core.number))
        }
        if found.combined.keys.contains(where: { $0 != regime }) {
            faults.append(.anotherVirtualCPUsTranslation(identifier: space.identifier, core: core.number))
        }
        running[core.number] = (space, regime)
        leaveTraces(core.number)
        return faults
    }

    /// Performs `TLBI VMALLS12E1IS`.
    mutating func invalidateAll(_ translation: Translation) {
        let identifier = space(translation).identifier
        for tag in traces.keys where tag.identifier == identifier { traces[tag] = nil }
        refill(identifier)
    }

    /// Performs `TLBI VMALLE1IS` after `TLBI IPAS2E1IS` of a single address, which leaves the other entries of stage
    /// 2.
    mutating func invalidateCombined(_ translation: Translation) {
        let identifier = space(translation).identifier
        for tag in traces.keys where tag.identifier == identifier { traces[tag]?.combined = [:] }
        refill(identifier)
    }

    /// Performs `TLBI VMALLE1` on one core.
    mutating func invalidateCombined(_ translation: Translation, core: CoreID) {
        traces[Tag(core: core.number, identifier: space(translation).identifier)]?.combined = [:]
    }

    // MARK: Identities

    func space(_ translation: Translation) -> Space {
        Space(bits: translation.bits, serial: serials[translation.bits] ?? 0)
    }

    /// Returns the regime of the tenant that runs on a core; `flat` if the model was not told of one.
    func regime(core: CoreID) -> Regime { running[core.number]?.regime ?? .flat }

    /// Returns a virtual CPU's regime. A virtual CPU that returns to a space begins a new stay, because it no longer
    /// knows the translations that it left there.
    private mutating func regime(of virtualCPU: UInt64, in space: Space) -> Regime {
        if let stay = stays[virtualCPU], stay.space == nil || stay.space == space {
            stays[virtualCPU]?.space = space
            return .virtualCPU(stay: stay.number)
        }
        count += 1
        stays[virtualCPU] = Stay(number: count, space: space)
        return .virtualCPU(stay: count)
    }

    // MARK: Spontaneous caching

    private mutating func refill(_ identifier: UInt16) {
        for (core, space) in current where space.identifier == identifier {
            traces[Tag(core: core, identifier: identifier), default: Traces()].stage2.insert(space)
        }
        for (core, tenant) in running where tenant.space.identifier == identifier { leaveTraces(core) }
    }

    private mutating func leaveTraces(_ core: UInt8) {
        guard let tenant = running[core] else { return }
        let tag = Tag(core: core, identifier: tenant.space.identifier)
        traces[tag, default: Traces()].stage2.insert(tenant.space)
        traces[tag, default: Traces()].combined[tenant.regime] = tenant.space
    }
}
