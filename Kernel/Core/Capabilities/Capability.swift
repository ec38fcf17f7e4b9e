import ABI

/// One node of the derivation tree: a slot of a capability table, or a binding that lies in the object that uses the
/// bound object.
///
/// `derive`, `create`, `map`, a message, and binding the object that a node names make children of the node. A node
/// changes only under the lock of `Kernel.exclusively`; `CapabilityTable.find` explains how cores read it without the
/// lock.
public struct Capability: ~Copyable {
    /// The node's kind, rights and flags in one word; see `CapabilityHeader`.
    public let header: AtomicWord
    #if hasFeature(Embedded)
        // These two words are read and written as a pair, of which each half is whole (DDI 0487, B2.2.1), because the
        // compiler joins no two atomic accesses. A core that does not hold the lock reads them by
        // `Hardware.readPair`, because a compiler may repeat a plain load after the check that the pair was current.
        /// The object, or an extent's first byte. For a mapping: the space's serial number and identifier.
        public var object: PhysicalAddress
        /// The badge, an extent's size in bytes, or a mapping's address.
        public var word: UInt64
    #else
        let objectWord: AtomicWord
        let valueWord: AtomicWord
    #endif
    public var parent: Ref<Capability>?
    public var firstChild: Ref<Capability>?
    public var nextSibling: Ref<Capability>?
    public var previousSibling: Ref<Capability>?
    /// For a binding: the object in which it lies. For a slot: the progress of the revocation of its descendants
    /// (`Revocation`).
    public var extra: UInt64

    public static let size: UInt64 = 64
    /// The offset of `object` and `word`.
    static let pair: UInt64 = 8

    @inline(__always) var kind: ObjectKind { CapabilityHeader(bits: header.relaxedLoad()).kind }
    @inline(__always) var rights: Rights { CapabilityHeader(bits: header.relaxedLoad()).rights }
    @inline(__always) var isEmpty: Bool { header.relaxedLoad() & 0xFF == 0 }
    @inline(__always) var badge: UInt64 { word }
    @inline(__always) var size: UInt64 { word }
    @inline(__always) func has(_ flag: UInt64) -> Bool { header.relaxedLoad() & flag != 0 }

    /// Returns the object, typed. The caller has checked `kind`.
    @inline(__always)
    func target<Object: ~Copyable>(_ type: Object.Type) -> Ref<Object> { Ref(at: object) }

    /// The capability without its position in the tree. Requires the lock.
    var value: CapabilityValue {
        CapabilityValue(
            kind: kind, rights: rights, isDevice: has(CapabilityHeader.device), object: object, word: word)
    }
}

#if !hasFeature(Embedded)
    // The same properties on the host, where the fields are atomic words.
    extension Capability {
        @inline(__always) public var object: PhysicalAddress {
            get { PhysicalAddress(objectWord.relaxedLoad()) }
            nonmutating set { objectWord.relaxedStore(newValue.value) }
        }
        @inline(__always) public var word: UInt64 {
            get { valueWord.relaxedLoad() }
            nonmutating set { valueWord.relaxedStore(newValue) }
        }
    }
#endif

/// A capability without a position in the tree.
public struct CapabilityValue {
    public var kind: ObjectKind
    public var rights: Rights
    /// Extents only: device registers rather than RAM.
    public var isDevice: Bool
    public var object: PhysicalAddress
    /// The badge, or an extent's size in bytes.
    public var word: UInt64

    @inline(__always)
    public init(kind: ObjectKind, rights: Rights, isDevice: Bool, object: PhysicalAddress, word: UInt64) {
        self.kind = kind
        self.rights = rights
        self.isDevice = isDevice
        self.object = object
        self.word = word
    }
}

/// The first word of a node. It does not change while the node is filled. An empty node keeps its version, and each
/// filling increments it.
struct CapabilityHeader {
    var bits: UInt64
    @inline(__always) init(bits: UInt64) { self.bits = bits }

    /// The kind, in bits 0…7.
    @inline(__always) var kind: ObjectKind { ObjectKind(rawValue: UInt8(truncatingIfNeeded: bits)) ?? .none }
    /// The rights, in bits 8…15.
    @inline(__always) var rights: Rights { Rights(rawValue: UInt8(truncatingIfNeeded: bits >> 8)) }
    /// The role, in bits 24…31.
    @inline(__always) var role: NodeRole { NodeRole(rawValue: UInt8(truncatingIfNeeded: bits >> 24)) ?? .slot }
    /// Bits 32…39: the distance from the tree's root.
    @inline(__always) var depth: UInt64 { bits >> 32 & 0xFF }

    // Bits 16…23 are flags.
    static let device: UInt64 = 1 << 16
    /// Set if `create` made the capability, so that the object is destroyed with it.
    static let owner: UInt64 = 1 << 17
    static let versionMask: UInt64 = 0xFFFF << 48
    static let versionStep: UInt64 = 1 << 48
    static let depthMask: UInt64 = 0xFF << 32
    static let depthStep: UInt64 = 1 << 32
    /// The bits for kind, rights, and device memory rather than RAM.
    static let valueMask: UInt64 = 0xFFFF | device

    /// Returns the header of a slot, without depth and version.
    @inline(__always)
    static func make(_ value: CapabilityValue, owner isOwner: Bool) -> UInt64 {
        UInt64(value.kind.rawValue) | UInt64(value.rights.rawValue) << 8
            | (value.isDevice ? device : 0) | (isOwner ? owner : 0)
    }

    @inline(__always)
    static func of(_ role: NodeRole) -> UInt64 { UInt64(role.rawValue) << 24 }
}

/// The role of a node: a slot of a table, or one of the bindings of the object in which the node lies.
enum NodeRole: UInt8 {
    case slot = 0
    // Bindings of a context.
    case space, table, faultPortal, scheduling, messagePage, stopped
    /// In a portal: the binding to the thread to which it leads.
    case server
    /// In a notification: the binding to the thread or virtual CPU that is its sink, and the binding to the
    /// capability by which that sink was bound.
    case sink, sinkSource
    /// In an interrupt, a space's doorbell, or a scheduling context: the binding to the notification that it raises.
    case interrupt, doorbell, overrun
}

/// The result of a look-up in a capability table: a consistent copy of the two words.
public struct Found {
    public var object: PhysicalAddress
    public var word: UInt64
    @inline(__always) var badge: UInt64 { word }
    @inline(__always) func target<Object: ~Copyable>(_ type: Object.Type) -> Ref<Object> { Ref(at: object) }
}

/// The table of the capabilities that a tenant may name: a header and `count` slots behind it.
public struct CapabilityTable: ~Copyable {
    public var count: UInt64
    public var slots: PhysicalAddress
    /// The next table to be emptied, and the number of this table's slots that are empty already. Used once no tenant
    /// has the table any more.
    var nextDying: Ref<CapabilityTable>?
    var emptied: UInt64

    public static let headerSize: UInt64 = 64
    public static let maximumCount: UInt64 = KernelLimits.slots

    /// Returns the slot with this number, taken or free; nil beyond the table's end. Slot 0 is never used.
    @inline(__always)
    func slot(_ number: UInt32) -> Ref<Capability>? {
        guard UInt64(number) < count, number != 0 else { return nil }
        return Ref(at: slots + UInt64(number) &* Capability.size)
    }

    /// Returns the content of a slot if it is of `kind` and has all of `rights`.
    ///
    /// Takes no lock. Another core may empty the slot and fill it again meanwhile, which the header's version
    /// reveals. The object stays usable until this core leaves the kernel (see `Kernel.hasGracePassed`).
    @inline(__always)
    func find(
        _ number: UInt32, _ kind: ObjectKind, _ rights: Rights, read: (PhysicalAddress) -> (UInt64, UInt64),
        order: () -> Void
    ) throws(Failure) -> Found {
        guard let slot = slot(number) else { throw .badCapability }
        let header = slot.pointee.header.load()
        let mask = 0xFF | UInt64(rights.rawValue) << 8
        guard header & mask == UInt64(kind.rawValue) | UInt64(rights.rawValue) << 8 else {
            throw header & 0xFF == UInt64(kind.rawValue) ? .noRights : .badCapability
        }
        let (object, word) = read(slot.address + Capability.pair)
        order()
        guard slot.pointee.header.relaxedLoad() == header else { throw .badCapability }
        return Found(object: PhysicalAddress(object), word: word)
    }
}

/// The reason why an operation was not performed. The state that it was to change is unchanged.
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
    static var again: Failure { @inline(__always) get { Failure(.again) } }
}
