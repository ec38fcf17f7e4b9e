import ABI
import Foundation

// A tenant reads about itself in its configuration, and finds the table of its resources behind it.
extension PlanBuilder {
    mutating func addConfiguration(_ index: Int) {
        let parts = plan.tenants[index].parts
        let resources = plan.tenants[index].resources
        var bytes = Data()
        bytes.append(record: configuration(of: index))
        bytes.padWithZeros(to: Int(ComponentLayout.configurationSize))
        for resource in resources { bytes.append(record: Resource(resource)) }
        bytes.padWithZeros(to: Int(UInt64(bytes.count).aligned(to: 4096)))
        let size = UInt64(bytes.count)
        let offset = privateMemory(of: index, at: ComponentLayout.configuration, size: size, .read, .program)
        add(.contents(parts.memory, offset: offset, image: contents.place(bytes), size: size), .program, of: index)
        func fieldOffset(_ field: PartialKeyPath<ComponentConfiguration>) -> UInt64 {
            offset + UInt64(MemoryLayout<ComponentConfiguration>.offset(of: field) ?? 0)
        }
        add(.lives(parts.memory, offset: fieldOffset(\.earlierLives), atDeath: false), .supervision, of: index)
        add(.seed(parts.memory, offset: fieldOffset(\.seed)), .program, of: index)
        for memory in usage[index].dma {
            let resource = ComponentLayout.configurationSize + UInt64(memory.resource * MemoryLayout<Resource>.stride)
            let number = UInt64(MemoryLayout<Resource>.offset(of: \.number) ?? 0)
            add(.physicalAddress(memory.extent, in: parts.memory, offset: offset + resource + number), .dma, of: index)
        }
    }

    private func configuration(of index: Int) -> ComponentConfiguration {
        let tenant = tenants[index]
        return ComponentConfiguration(
            name: InlineArray(text: tenant.name), channel: UInt64(index) + 2, heapSize: heapSize(of: index),
            arguments: InlineArray(words: tenant.arguments),
            cores: plan.tenants[index].cores.reduce(0) { $0 | 1 << UInt64($1) }, earlierLives: 0,
            seed: InlineArray(repeating: 0), hasEntropy: 0, resourceCount: UInt64(plan.tenants[index].resources.count),
            machine: machineConfiguration(of: index))
    }

    private func machineConfiguration(of index: Int) -> MachineConfiguration {
        let machine = tenants[index].machine
        var segments = InlineArray<8, GuestSegment>(repeating: GuestSegment(offset: 0, size: 0, address: 0))
        for (number, module) in (machine?.modules ?? []).enumerated() {
            segments[number] = GuestSegment(
                offset: usage[index].modules[number] - ComponentLayout.modules, size: UInt64(module.data.count),
                address: module.address)
        }
        var randomBytes = InlineArray<2, MemoryRange>(repeating: MemoryRange(base: 0, size: 0))
        for (number, range) in (machine?.randomBytes ?? []).prefix(2).enumerated() { randomBytes[number] = range }
        return MachineConfiguration(
            memory: machine?.memory ?? MemoryRange(base: 0, size: 0), virtualCPUs: UInt64(machine?.virtualCPUs ?? 0),
            entry: machine?.entry ?? 0, argument: machine?.argument ?? 0, restarts: machine?.restarts == true ? 1 : 0,
            segments: segments,
            cores: InlineArray(words: (0..<(machine?.virtualCPUs ?? 0)).map { UInt64(core($0, of: index)) }),
            seesClock: machine == nil ? 0 : usage[index].clock, doorbells: usage[index].doorbells,
            failureActions: machine?.failureActions ?? 0, randomBytes: randomBytes)
    }
}

extension Resource {
    init(_ resource: NamedResource) {
        self.init(
            name: InlineArray(text: resource.name), kind: resource.kind, slot: UInt64(resource.slot),
            address: resource.address,
            size: resource.size, number: resource.number, detail: resource.detail)
    }
}

extension InlineArray where Element == UInt8 {
    /// Copies a text and pads it with zeros. It cuts off a text that is too long.
    init(text: String) {
        self.init(repeating: 0)
        for (index, byte) in text.utf8.prefix(count).enumerated() { self[index] = byte }
    }
}

extension InlineArray where Element == UInt64 {
    init(words: [UInt64]) {
        self.init(repeating: 0)
        for (index, word) in words.prefix(count).enumerated() { self[index] = word }
    }
}

extension Data {
    /// Appends a record of words as it lies in memory: little endian, as on the board, without padding.
    mutating func append<Record>(record: Record) {
        Swift.withUnsafeBytes(of: record) { append(contentsOf: $0) }
    }
}
