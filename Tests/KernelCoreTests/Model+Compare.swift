import ABI
import HardwareModel

@testable import KernelCore

// Compares the whole state of the reference with the kernel's.

extension KernelModel {
    private func require(_ condition: Bool, _ message: @autoclosure () -> String) {
        if !condition { broken.append(message()) }
    }

    /// Compares the states.
    ///
    /// - Parameter slots: the number of slots of root's table that were ever used.
    func compare(slots: Int) {
        for root in roots { compare(root) }
        for thread in threads { compare(thread) }
        if let table = rootThread.slots { compare(table, min(slots, table.slots.count)) }
    }

    private func compare(_ table: ModelTable, _ count: Int) {
        for number in 1..<max(count, 1) where table.slots[number] == nil {
            let slot = Ref<Capability>(
                at: PhysicalAddress(table.address + CapabilityTable.headerSize + UInt64(number) * Capability.size))
            // Root has the system capability from the start, and no step uses it.
            require(
                slot.pointee.isEmpty || slot.pointee.kind == .system,
                "slot \(number) holds a \(slot.pointee.kind), and nobody put it there")
        }
    }

    private func compare(_ node: ModelNode) {
        let kernel = node.counterpart
        guard !kernel.pointee.isEmpty else { return require(false, "a \(node.kind) is missing (\(node.place))") }
        require(kernel.pointee.kind == node.kind, "a \(node.kind) is a \(kernel.pointee.kind)")
        require(kernel.pointee.rights.rawValue == node.rights, "a \(node.kind) has other rights")
        require(kernel.pointee.object.value == node.base, "a \(node.kind) names another object")
        if node.mapped == nil { require(kernel.pointee.word == node.word, "a \(node.kind) has another badge or size") }
        require(kernel.pointee.parent == node.parent?.counterpart, "a \(node.kind) has another parent")
        compareObject(node)
        var count = 0
        var child = kernel.pointee.firstChild
        while let next = child {
            count += 1
            child = next.pointee.nextSibling
        }
        require(count == node.children.count, "a \(node.kind) has \(count) children, not \(node.children.count)")
        for child in node.children { compare(child) }
    }

    private func compareObject(_ node: ModelNode) {
        if let mapped = node.mapped { return compareMapping(node, mapped) }
        guard node.isOwner || node.parent == nil, let object = node.object else { return }
        let place = PhysicalAddress(object.address)
        switch object {
        case let table as ModelTable where node.isOwner: compare(table, table.slots.count)
        case let region as ModelRegion:
            require(Ref<Region>(at: place).pointee.next.value == region.next, "a region's next byte is another")
        case let notification as ModelNotification:
            let kernel = Ref<KernelCore.Notification>(at: place)
            require(
                kernel.pointee.bits.load() == notification.bits,
                "a notification has bits \(kernel.pointee.bits.load()), not \(notification.bits)")
            let thread = notification.sink?.object?.address ?? 0
            require(kernel.pointee.sink.load() == thread, "a notification tells another thread")
        case let portal as ModelPortal:
            let kernel = Ref<Portal>(at: place)
            require(kernel.pointee.generation == portal.generation, "a portal's generation")
            require(kernel.pointee.server?.address.value == portal.server?.object?.address, "a portal leads elsewhere")
        default: break
        }
    }

    private func compareMapping(_ node: ModelNode, _ mapped: (space: ModelSpace, first: UInt64, count: UInt64)) {
        guard mapped.space.isAlive else { return }
        let place = MappingPlace(word: node.counterpart.pointee.word)
        require(place.address.value == mapped.first << Page.shift, "a mapping begins elsewhere")
        require(place.size == mapped.count << Page.shift, "a mapping has another size")
        let space = Ref<AddressSpace>(at: PhysicalAddress(mapped.space.address))
        for page in mapped.first..<mapped.first + mapped.count {
            guard let leaf = K.leaf(space, GuestAddress(page << Page.shift)), let expected = mapped.space.pages[page]
            else {
                require(false, "page \(page) is not mapped")
                continue
            }
            let entry = ModelHardware.readEntry(leaf.table, leaf.index)
            require(ModelHardware.frame(of: entry).value == expected.frame, "page \(page) is another frame")
            require(ModelHardware.rights(of: entry).rawValue == expected.rights, "page \(page) has other rights")
        }
    }

    private func compare(_ thread: ModelThread) {
        let kernel = Ref<ExecutionContext>(at: PhysicalAddress(thread.address))
        let name = "the thread at \(String(thread.address & 0xFF_FFFF, radix: 16))"
        guard kernel.pointee.state == thread.state else {
            return require(false, "\(name) is \(kernel.pointee.state), not \(thread.state)")
        }
        require(kernel.pointee.isConfigured == thread.isConfigured, "\(name): configured")
        require(kernel.pointee.core.index == thread.core, "\(name): core")
        require((kernel.pointee.running.load() == 0) == (thread.state == .stopped), "\(name): running")
        require(kernel.pointee.caller?.address.value == thread.caller?.address, "\(name) serves another")
        require(kernel.pointee.server?.address.value == thread.server?.address, "\(name) waits for another")
        require(kernel.pointee.usesOwnTime == thread.usesOwnTime, "\(name): own time \(kernel.pointee.usesOwnTime)")
        require((kernel.pointee.stopsOnReply != 0) == thread.stopsOnReply, "\(name): stops on reply")
        require(kernel.pointee.abortMask == thread.abortMask, "\(name): abort mask")
        require(kernel.pointee.messagePage.value == thread.page, "\(name): message page")
        require(kernel.pointee.notification?.address.value == thread.notification?.address, "\(name): notification")
        var queue: [UInt64] = []
        var next = kernel.pointee.callers.head
        while let caller = next {
            queue.append(caller.address.value)
            next = caller.pointee.next
        }
        require(queue == thread.callers.map { $0.address }, "\(name): other callers queue")
        guard thread.state == .ready, let expected = thread.expected else { return }
        require(
            kernel.pointee.frame.x[0] == expected.status,
            "\(name) finds \(kernel.pointee.frame.x[0]), not \(expected.status)")
        if let tag = expected.tag {
            require(kernel.pointee.frame.x[1] == tag, "\(name) finds tag \(kernel.pointee.frame.x[1]), not \(tag)")
        }
    }
}
