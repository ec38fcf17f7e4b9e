import ABI

extension SystemImageWriter {
    /// Checks the conditions on which kernel and root rely, for tenants of any origin.
    func check() throws(Failure) {
        guard let driver = tenants.first, driver.kind == .consoleDriver,
            !tenants.dropFirst().contains(where: { $0.kind == .consoleDriver })
        else {
            throw Failure(
                "the system has no console driver in front, or more than one", remedy: "put exactly one in first place")
        }
        guard tenants.count <= Tenant.maximumDeclared + 1 else {
            throw Failure(
                "the system has \(tenants.count) tenants, and \(Tenant.maximumDeclared + 1) have a console",
                remedy: "remove machines or components")
        }
        var names: Set<String> = []
        for tenant in tenants {
            guard names.insert(tenant.name).inserted else {
                throw Failure("two tenants are named '\(tenant.name)'", remedy: "rename one of them")
            }
            try check(tenant)
        }
    }

    private func check(_ tenant: Tenant) throws(Failure) {
        func require(_ condition: Bool, _ what: String, _ remedy: String) throws(Failure) {
            guard condition else { throw Failure("'\(tenant.name)': \(what)", remedy: remedy) }
        }
        try require(
            (1...Tenant.nameSize).contains(tenant.name.utf8.count), "its name has \(tenant.name.utf8.count) bytes",
            "use 1 to \(Tenant.nameSize)")
        try require(
            Tenant.priorities.contains(tenant.priority), "its priority is \(tenant.priority)",
            "use \(Tenant.priorities.lowerBound) to \(Tenant.priorities.upperBound)")
        try require(
            board.coreAffinities.indices.contains(tenant.core),
            "it is to run on core \(tenant.core), but the board has \(board.coreAffinities.count)",
            "use a core from 0 to \(board.coreAffinities.count - 1)")
        try require(
            tenant.arguments.count <= Tenant.maximumArguments, "it has \(tenant.arguments.count) arguments",
            "use at most \(Tenant.maximumArguments)")
        try require(
            tenant.heapSize.isMultiple(ofSize: Self.pageSize), "its memory is no multiple of 4KiB", "round it up")
        try require(
            (tenant.kind == .machine) == (tenant.machine != nil), "its kind and its hardware contradict each other",
            "give hardware to machines, and only to them")
        try require(
            tenant.connections.count <= Tenant.maximumConnections, "it has \(tenant.connections.count) connections",
            "use at most \(Tenant.maximumConnections)")
        for connection in tenant.connections {
            try require(
                connection.server != tenant.name
                    && tenants.contains {
                        $0.name == connection.server && $0.kind == .component && $0.core == tenant.core
                    },
                "it uses '\(connection.server)', which is no other component of its core", "name another component")
        }
        guard let machine = tenant.machine else { return }
        try check(machine, of: tenant.name)
        guard let peer = machine.eventPeer else { return }
        try require(
            peer != tenant.name && tenants.contains { $0.name == peer && $0.kind == .machine },
            "its event peer '\(peer)' is no other machine", "name another machine")
    }

    private func check(_ machine: MachineImage, of name: String) throws(Failure) {
        guard machine.memory.size > 0, machine.memory.size.isMultiple(ofSize: GuestImage.blockSize),
            machine.memory.base.isMultiple(ofSize: GuestImage.blockSize)
        else { throw Failure("'\(name)': its RAM is no multiple of 2MiB", remedy: "round its 'memory' up") }
        guard MachineDescription.cpuCounts.contains(machine.virtualCPUs) else {
            throw Failure("'\(name)': it has \(machine.virtualCPUs) virtual CPUs", remedy: "use 1 to 4")
        }
        guard machine.modules.count <= MachineImage.maximumModules else {
            throw Failure(
                "'\(name)': \(machine.modules.count) parts belong into its RAM, but at most \(MachineImage.maximumModules) can",
                remedy: "merge segments of its kernel")
        }
        for module in machine.modules {
            let offset = module.address &- machine.memory.base
            guard module.address >= machine.memory.base, module.address.isMultiple(ofSize: 8),
                offset <= machine.memory.size, UInt64(module.data.count) <= machine.memory.size - offset
            else {
                throw Failure(
                    "'\(name)': a part for \(hex(module.address)) lies outside its RAM or is misaligned",
                    remedy: "give the machine more 'memory'")
            }
        }
    }
}
