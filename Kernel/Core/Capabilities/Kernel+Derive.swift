import ABI

// Derivation of capabilities from capabilities. All functions require the lock of `exclusively`.

extension Kernel {
    /// Performs `derive`: makes a child of a capability in a table. `x1` is the capability, `x2` the receiving table,
    /// `x3` a free slot there, `x4` the rights to keep, `x5` the badge (or an extent's offset) and `x6` an extent's
    /// size (0: to its end). A badge that is set cannot be changed.
    static func derive(_ caller: Ref<ExecutionContext>, _ selector: Selector) throws(Failure) {
        guard let source = caller.pointee.table?.pointee.slot(selector.slot), !source.pointee.isEmpty else {
            throw .badCapability
        }
        let table = try findNode(caller, caller.pointee.frame.x[2], .capabilityTable, .write)
            .pointee.target(CapabilityTable.self)
        let child = try derivedValue(
            source, rights: caller.pointee.frame.x[4], badgeOrOffset: caller.pointee.frame.x[5],
            size: caller.pointee.frame.x[6])
        publish(child, in: try freeSlot(table, caller.pointee.frame.x[3]), under: source)
    }

    /// Returns the value of a child of `source`, with the intersection of the rights, and with a badge or a part of
    /// the extent.
    static func derivedValue(
        _ source: Ref<Capability>, rights: UInt64, badgeOrOffset: UInt64, size: UInt64
    ) throws(Failure) -> CapabilityValue {
        var child = source.pointee.value
        // A mapping cannot be derived, because it stands for an extent in one particular space.
        guard child.kind != .mapping, child.rights.contains(.manage) else { throw .noRights }
        try mayGrow(source)
        child.rights = child.rights.intersection(Rights(rawValue: UInt8(truncatingIfNeeded: rights & 15)))
        if child.kind == .extent {
            let size = size == 0 ? child.word &- min(badgeOrOffset, child.word) : size
            guard Page.isAligned(badgeOrOffset | size), size > 0, badgeOrOffset <= child.word,
                size <= child.word &- badgeOrOffset
            else { throw .badArgument }
            child.object = child.object + badgeOrOffset
            child.word = size
        } else if badgeOrOffset != 0 {
            guard child.word == 0 else { throw .noRights }
            child.word = badgeOrOffset
        }
        return child
    }
}
