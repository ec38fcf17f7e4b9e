import ABI

/// One slot of a capability table: what its holder may do to what.
///
/// Slots form the derivation tree: a capability's children were made from it by `derive`, `create` or `map`.
public struct Capability {
    public var kind: ObjectKind
    public var rights: Rights
    /// Extents only: device registers rather than RAM.
    public var isDevice: Bool
    /// The object, or an extent's first byte.
    public var object: PhysicalAddress
    /// The badge, or an extent's size in bytes.
    public var word: UInt64
    public var parent: Ref<Capability>?
    public var firstChild: Ref<Capability>?
    public var nextSibling: Ref<Capability>?
    public var previousSibling: Ref<Capability>?

    /// A capability that stands for itself, in no tree.
    @inline(__always)
    public init(kind: ObjectKind, rights: Rights, isDevice: Bool, object: PhysicalAddress, word: UInt64) {
        self.kind = kind
        self.rights = rights
        self.isDevice = isDevice
        self.object = object
        self.word = word
    }

    @inline(__always) public var badge: UInt64 { word }
    @inline(__always) public var size: UInt64 { word }

    /// The object, typed; the caller has checked `kind`.
    @inline(__always)
    func target<Object: ~Copyable>(_ type: Object.Type) -> Ref<Object> { Ref(at: object) }
}

/// What a tenant may name: a header and `count` slots behind it.
public struct CapabilityTable: ~Copyable {
    public var count: UInt64
    public var slots: PhysicalAddress

    public static let slotSize: UInt64 = 64
    public static let headerSize: UInt64 = 64
    public static let maximumCount: UInt64 = 1000

    /// The slot with this number, taken or free; nil beyond the table's end. Slot 0 is never used.
    @inline(__always)
    func slot(_ number: UInt32) -> Ref<Capability>? {
        guard UInt64(number) < count, number != 0 else { return nil }
        return Ref(at: slots + UInt64(number) &* Self.slotSize)
    }

    /// The capability in a slot, if it is of `kind` and has all of `rights`.
    @inline(__always)
    func find(_ number: UInt32, _ kind: ObjectKind, _ rights: Rights) throws(Failure) -> Ref<Capability> {
        guard let slot = slot(number), slot.pointee.kind == kind else { throw .badCapability }
        guard slot.pointee.rights.isSuperset(of: rights) else { throw .noRights }
        return slot
    }
}

/// An operation that was not done, and why; what it was to change is unchanged.
public struct Failure: Error {
    public var status: Status
    @inline(__always) init(_ status: Status) { self.status = status }
    static var unsupported: Failure { @inline(__always) get { Failure(.unsupported) } }
    static var badCapability: Failure { @inline(__always) get { Failure(.badCapability) } }
    static var noRights: Failure { @inline(__always) get { Failure(.noRights) } }
    static var badArgument: Failure { @inline(__always) get { Failure(.badArgument) } }
    static var noMemory: Failure { @inline(__always) get { Failure(.noMemory) } }
    static var badState: Failure { @inline(__always) get { Failure(.badState) } }
    static var wrongCore: Failure { @inline(__always) get { Failure(.wrongCore) } }
    static var occupied: Failure { @inline(__always) get { Failure(.occupied) } }
    static var tooDeep: Failure { @inline(__always) get { Failure(.tooDeep) } }
}

extension Ref where Object == Capability {
    /// Makes this capability, in a free slot, a child of `parent`.
    func adopt(by parent: Ref<Capability>) {
        pointee.parent = parent
        pointee.previousSibling = nil
        pointee.nextSibling = parent.pointee.firstChild
        parent.pointee.firstChild?.pointee.previousSibling = self
        parent.pointee.firstChild = self
    }
}
