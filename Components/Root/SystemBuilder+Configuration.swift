import ABI
import Entente
import Supervision

extension SystemBuilder {
    /// The page in which a tenant finds what it must know of itself.
    mutating func writeConfiguration(_ record: TenantRecord, _ index: Int) {
        let page = clearedExtent(ComponentLayout.configurationSize, for: index)
        let lives = tenants[index].lives
        let seed = nextSeed()
        memory.withView(of: page, size: ComponentLayout.configurationSize) { address in
            // SAFETY: root just mapped the page there, cleared, and it is larger than the structure.
            let configuration = unsafe UnsafeMutablePointer<ComponentConfiguration>(bitPattern: UInt(address))
                .unsafelyUnwrapped
            // SAFETY: as above.
            unsafe SystemBuilder.fill(&configuration.pointee, record, index, lives: lives)
            // SAFETY: as above.
            unsafe configuration.pointee.seed = seed
        }
        mapOwn(index, page, ComponentLayout.configuration, size: ComponentLayout.configurationSize, .readOnly)
    }

    private static func fill(
        _ configuration: inout ComponentConfiguration, _ record: TenantRecord, _ index: Int, lives: UInt64
    ) {
        configuration.name = record.name
        configuration.channel = UInt64(index + 2)
        configuration.heapSize = record.heapSize
        configuration.arguments = record.arguments
        configuration.consoleClients = index == consoleDriver ? UInt64(BootTable.tenantCount + 1) : 0
        configuration.cores = coreMask(record)
        configuration.earlierLives = lives
        fill(&configuration.connections, record)
        fill(&configuration.paging, pager: index)
        configuration.sharedSize = record.sharedSize
        fill(&configuration.callers, server: index)
        fill(&configuration.regions, index)
        if record.kind == TenantKind.machine.rawValue { fill(&configuration.machine, record) }
    }

    private static func coreMask(_ record: TenantRecord) -> UInt64 {
        var mask: UInt64 = 0
        for number in 0..<record.coreSpread { mask |= 1 << record.core(of: number) }
        return mask
    }

    /// The monitor's view of its machine: modules are numbered from `ComponentLayout.modules` on.
    private static func fill(_ machine: inout MachineConfiguration, _ record: TenantRecord) {
        var segments = record.machine.segments
        var placement = ModulePlacement()
        for index in 0..<8 where segments[index].size != 0 {
            segments[index].offset = placement.place(segments[index]) - ComponentLayout.modules
        }
        var cores = InlineArray<8, UInt64>(repeating: 0)
        for number in 0..<min(record.machine.virtualCPUs, 8) { cores[Int(number)] = record.core(of: number) }
        machine.memory = record.machine.memory
        machine.virtualCPUs = record.machine.virtualCPUs
        machine.entry = record.machine.entry
        machine.argument = record.machine.argument
        machine.restarts = record.machine.restarts
        machine.segments = segments
        machine.cores = cores
        machine.failureActions = record.machine.failureActions
        machine.seesClock = BootTable.header.board.clock.size
    }
}
