import ABI
import Foundation

/// Writes the records of `ABI/SystemImage.swift` field by field: words of eight bytes, little endian, in the order of
/// their declaration. That order is the ABI, and a test compares it with the layout that the compiler gives them.
struct RecordEncoder {
    private(set) var data = Data()

    mutating func word(_ value: UInt64) {
        withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) }
    }

    mutating func words(_ values: [UInt64], padTo count: Int) {
        for index in 0..<count { word(index < values.count ? values[index] : 0) }
    }

    mutating func range(_ range: MemoryRange) {
        word(range.base)
        word(range.size)
    }

    mutating func name(_ name: String, size: Int) {
        var bytes = Data(name.utf8.prefix(size))
        bytes.padWithZeros(to: size)
        data.append(bytes)
    }
}

/// A program whose segments have their place in the image.
struct PlacedProgram {
    var program: Program
    /// Of each segment's bytes in the image.
    var offsets: [UInt64]
}

/// A guest's module that has its place in the image.
struct PlacedModule {
    var offset: UInt64
    var size: UInt64
    var address: UInt64
}

/// A shared region whose ends are known by the indices of their tenants.
struct PlacedRegion {
    var name: String
    var size: UInt64
    /// Two.
    var ends: [Int]
}

extension RecordEncoder {
    mutating func board(_ board: Board) {
        word(UInt64(board.coreAffinities.count))
        words(board.coreAffinities, padTo: 8)
        for index in 0..<4 { range(index < board.ram.count ? board.ram[index] : MemoryRange(base: 0, size: 0)) }
        range(board.devices)
        range(board.distributor)
        range(board.redistributors)
        range(board.serial)
        word(board.serialInterrupt)
        range(board.clock ?? MemoryRange(base: 0, size: 0))
    }

    mutating func program(_ placed: PlacedProgram) {
        for index in 0..<Program.maximumSegments {
            guard index < placed.program.segments.count else {
                words([], padTo: 5)
                continue
            }
            let segment = placed.program.segments[index]
            word(placed.offsets[index])
            word(segment.imageSize)
            word(segment.memorySize)
            word(segment.address)
            word(UInt64(segment.rights))
        }
        word(placed.program.entry)
        word(placed.program.stackSize)
    }

    mutating func machine(_ machine: MachineImage?, modules: [PlacedModule], eventPeer: Int?) {
        range(machine?.memory ?? MemoryRange(base: 0, size: 0))
        word(UInt64(machine?.virtualCPUs ?? 0))
        word(machine?.entry ?? 0)
        word(machine?.argument ?? 0)
        for index in 0..<MachineImage.maximumModules {
            guard index < modules.count else {
                words([], padTo: 3)
                continue
            }
            word(modules[index].offset)
            word(modules[index].size)
            word(modules[index].address)
        }
        word(machine?.restarts == true ? 1 : 0)
        word(eventPeer.map { UInt64($0 + 1) } ?? 0)
        word(machine?.failureActions ?? 0)
    }

    mutating func supervision(_ restart: RestartDescription, parent: Int?) {
        word(UInt64(restart.limit))
        word(restart.window.milliseconds)
        word(restart.backoff.milliseconds)
        word(restart.backoffLimit.milliseconds)
        word(restart.onLimit.rawValue)
        word(parent.map { UInt64($0 + 1) } ?? 0)
    }

    /// - Parameter parent: the index of the group that it is a member of.
    mutating func group(_ group: GroupDescription, parent: Int?) {
        name(group.name, size: Tenant.nameSize)
        supervision(group.restart, parent: parent)
    }

    /// - Parameters:
    ///   - eventPeer: the index of the tenant that a machine names as its own.
    ///   - parent: the index of the group that it is a member of.
    ///   - servers: the indices of the tenants that it is connected to.
    ///   - paging: the file that another tenant pages in for it.
    mutating func tenant(
        _ tenant: Tenant, program placed: PlacedProgram, modules: [PlacedModule], eventPeer: Int? = nil,
        parent: Int? = nil, servers: [Int] = [], paging: PlacedFile? = nil
    ) {
        word(tenant.kind.rawValue)
        name(tenant.name, size: Tenant.nameSize)
        program(placed)
        word(UInt64(tenant.priority))
        word(UInt64(tenant.core))
        word(tenant.heapSize)
        machine(tenant.machine, modules: modules, eventPeer: eventPeer)
        words(tenant.arguments, padTo: 8)
        supervision(tenant.restart, parent: parent)
        word(tenant.allowance.budget)
        word(tenant.allowance.period)
        for index in 0..<Connections.maximum {
            name(index < servers.count ? tenant.connections[index].name : "", size: Connections.nameSize)
            word(index < servers.count ? UInt64(servers[index] + 1) : 0)
        }
        word(paging.map { UInt64($0.pager + 1) } ?? 0)
        word(paging?.offset ?? 0)
        word(paging?.size ?? 0)
        word(tenant.sharedSize)
    }

    mutating func header(
        size: UInt64, board described: Board, root: PlacedProgram, tenantCount: Int, tenantOffset: UInt64,
        groupCount: Int, groupOffset: UInt64, onFailure: OnFailure, regions: [PlacedRegion] = []
    ) {
        word(ImageHeader.magic)
        word(ImageHeader.version)
        word(size)
        board(described)
        program(root)
        word(UInt64(tenantCount))
        word(tenantOffset)
        word(UInt64(groupCount))
        word(groupOffset)
        word(onFailure.rawValue)
        for index in 0..<SharedRegions.maximum {
            name(index < regions.count ? regions[index].name : "", size: SharedRegions.nameSize)
            word(index < regions.count ? regions[index].size : 0)
            for end in 0..<2 { word(index < regions.count ? UInt64(regions[index].ends[end] + 1) : 0) }
        }
    }
}
