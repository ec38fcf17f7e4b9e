// Components see the ABI's types, such as `Status` and `Rights`, without naming its module.
@_exported import ABI

/// The facts that the host tool and root state about this component.
public enum Configuration {
    public static var current: ComponentConfiguration {
        // SAFETY: see `page`.
        unsafe page.pointee
    }

    // SAFETY: root maps the page, filled, before it starts this component, and never unmaps it
    // (ComponentLayout.configuration).
    @unsafe fileprivate static var page: UnsafePointer<ComponentConfiguration> {
        unsafe UnsafePointer(bitPattern: UInt(Seam.address(ComponentLayout.configuration))).unsafelyUnwrapped
    }
}

extension Configuration {
    /// All resources of this component, in the order of the host tool's plan.
    public static var resources: ResourceTable { ResourceTable() }

    /// Returns the resource of this kind and name, or nil if this component has none.
    public static func resource(_ kind: ResourceKind, named name: StaticString) -> Resource? {
        var candidates = resources(of: kind)
        while let resource = candidates.next() {
            if resource.isNamed(name) { return resource }
        }
        return nil
    }

    /// Returns the resources of one kind, in the order of the host tool's plan.
    public static func resources(of kind: ResourceKind) -> ResourcesOfKind { ResourcesOfKind(kind) }
}

/// The table that lies behind the configuration's page. A read allocates nothing, and copies one `Resource` at a
/// time.
@safe
public struct ResourceTable {
    public let count: Int
    private let first: UnsafePointer<Resource>

    fileprivate init() {
        // SAFETY: the table lies behind the page, as long as the page says, and stays mapped like the page.
        count = unsafe Int(truncatingIfNeeded: Configuration.page.pointee.resourceCount)
        unsafe first = UnsafePointer(bitPattern: UInt(Seam.address(ComponentLayout.resources))).unsafelyUnwrapped
    }

    public subscript(index: Int) -> Resource {
        precondition(index >= 0 && index < count, "the component has no resource of this index")
        // SAFETY: the precondition holds, and nobody writes into the table while this component lives.
        return unsafe first[index]
    }

    /// Returns the kind of the resource `index` without copying the rest of it.
    fileprivate func kind(at index: Int) -> UInt64 {
        precondition(index >= 0 && index < count, "the component has no resource of this index")
        // SAFETY: as in `subscript`.
        return unsafe first[index].kind
    }

    /// Returns the index of the first resource of this kind at or behind `start`, or nil if there is none.
    fileprivate func firstIndex(of kind: ResourceKind, from start: Int) -> Int? {
        var index = start
        while index < count {
            if self.kind(at: index) == kind.rawValue { return index }
            index += 1
        }
        return nil
    }
}

/// An iterator over the resources of one kind.
///
/// On the host it is a `Sequence`. On the board it is not, because that protocol's default methods would allocate
/// memory.
public struct ResourcesOfKind {
    private let table = Configuration.resources
    private let kind: ResourceKind
    private var position = 0

    fileprivate init(_ kind: ResourceKind) { self.kind = kind }

    public mutating func next() -> Resource? {
        guard let index = table.firstIndex(of: kind, from: position) else { return nil }
        position = index + 1
        return table[index]
    }
}

#if !hasFeature(Embedded)
    extension ResourcesOfKind: Sequence, IteratorProtocol {}
#endif

extension Resource {
    /// Returns true if `text` is the resource's whole name. A name has at most 31 bytes, so that a zero ends it.
    public func isNamed(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard length < Resource.nameSize, name[length] == 0 else { return false }
        for index in 0..<length {
            // SAFETY: a StaticString's bytes are constants of the program, and `index` is below their number.
            guard unsafe text.utf8Start[index] == name[index] else { return false }
        }
        return true
    }
}
