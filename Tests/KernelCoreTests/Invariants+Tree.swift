import ABI
import HardwareModel

@testable import KernelCore

// Each capability has its ancestor. The check walks the tree from the capabilities without a parent. It reports each
// one in a table or an object that the walk did not meet.

extension Invariants {
    mutating func walkTree() {
        var tables: [Ref<CapabilityTable>] = [table]
        for number in 1..<UInt32(table.pointee.count) {
            guard let slot = table.pointee.slot(number), !slot.pointee.isEmpty, slot.pointee.parent == nil else {
                continue
            }
            require(header(slot).depth == 0, "slot \(number) has no parent and a depth")
            walk(from: slot, &tables)
        }
        var dying = board.pointee.dyingTables
        while let next = dying {
            tables.append(next)
            dying = next.pointee.nextDying
        }
        for table in tables { checkTable(table) }
    }

    private func header(_ node: Ref<Capability>) -> CapabilityHeader {
        CapabilityHeader(bits: node.pointee.header.relaxedLoad())
    }

    private mutating func walk(from first: Ref<Capability>, _ tables: inout [Ref<CapabilityTable>]) {
        var rest = [first]
        while let node = rest.popLast() {
            guard nodes.insert(node.address.value).inserted else { return require(false, "the tree has a loop") }
            note(node, &tables)
            var previous: Ref<Capability>?
            var next = node.pointee.firstChild
            while let child = next {
                guard !child.pointee.isEmpty else { return require(false, "an empty node is a child") }
                require(child.pointee.parent == node, "a child of another")
                require(child.pointee.previousSibling == previous, "a sibling's link back")
                checkChild(child, of: node)
                rest.append(child)
                previous = child
                next = child.pointee.nextSibling
                if nodes.count + rest.count > 100_000 { return require(false, "siblings are a loop") }
            }
        }
    }

    /// Notes the object of a node.
    private mutating func note(_ node: Ref<Capability>, _ tables: inout [Ref<CapabilityTable>]) {
        let header = header(node)
        guard header.role == .slot else {
            return require(node.pointee.firstChild == nil, "a binding (\(header.role)) has children")
        }
        if header.kind == .mapping { mappings.append(node) }
        let isObject = header.bits & CapabilityHeader.owner != 0 || node.pointee.parent == nil
        guard isObject, header.kind != .system, header.kind != .mapping else { return }
        let known = objects.updateValue(
            LiveObject(kind: header.kind, size: size(of: node, header.kind)), forKey: node.pointee.object.value)
        require(known == nil, "two objects at one place: \(header.kind)")
        if header.kind == .capabilityTable, node.pointee.parent != nil {
            tables.append(node.pointee.target(CapabilityTable.self))
        }
    }

    private func size(of node: Ref<Capability>, _ kind: ObjectKind) -> UInt64 {
        switch kind {
        case .capabilityTable:
            CapabilityTable.headerSize + node.pointee.target(CapabilityTable.self).pointee.count * Capability.size
        case .addressSpace:
            node.pointee.target(AddressSpace.self).pointee.poolEnd.value - node.pointee.object.value
        case .region:
            node.pointee.parent == nil
                ? Region.size : node.pointee.target(Region.self).pointee.end.value - node.pointee.object.value
        case .thread: ExecutionContext.size
        case .virtualCPU: VirtualCPU.size
        case .portal: Portal.size
        case .schedulingContext: SchedulingContext.size
        case .notification: KernelCore.Notification.size
        case .interrupt: Interrupt.size
        case .extent: node.pointee.size
        case .system, .mapping, .none: 0
        }
    }

    private mutating func checkChild(_ child: Ref<Capability>, of parent: Ref<Capability>) {
        let own = header(child), above = header(parent)
        require(own.depth == above.depth + 1, "\(own.kind): depth \(own.depth) below \(above.depth)")
        require(own.depth <= Kernel<ModelHardware>.maximumTreeDepth, "\(own.kind) is too deep")
        if own.bits & CapabilityHeader.owner != 0 {
            require(above.kind == .region, "\(own.kind) was made of a \(above.kind)")
            return
        }
        if own.kind == .mapping { return require(above.kind == .extent, "a mapping of a \(above.kind)") }
        require(own.kind == above.kind, "\(own.kind) (\(own.role)) below a \(above.kind)")
        require(above.rights.isSuperset(of: own.rights), "\(own.kind) gained rights")
        if own.kind == .extent, own.role == .slot {
            let start = child.pointee.object.value, outer = parent.pointee.object.value
            require(
                start >= outer && start + child.pointee.size <= outer + parent.pointee.size,
                "an extent beyond its parent")
        } else {
            require(child.pointee.object == parent.pointee.object, "\(own.kind) became another object")
            require(parent.pointee.word == 0 || child.pointee.word == parent.pointee.word, "a badge was changed")
        }
    }

    private mutating func checkTable(_ table: Ref<CapabilityTable>) {
        for number in 0..<table.pointee.count {
            let node = Ref<Capability>(at: table.pointee.slots + number * Capability.size)
            guard !node.pointee.isEmpty else { continue }
            require(nodes.contains(node.address.value), "slot \(number), \(node.pointee.kind), has no ancestor")
        }
    }
}
