import Synchronization

#if !hasFeature(Embedded)
    import SharedAccess
#endif

// Fields that one core, or the holder of the lock, changes while other cores read them without the lock.
//
// Each access is whole, and plain on the board: a relaxed load or store is one `ldr` or `str`. A member whose order
// matters documents it.

/// A link that other cores follow.
public struct SharedRef<Object: ~Copyable>: ~Copyable {
    let word: SharedUInt64

    /// Loads the link. The object behind the link is not older than the link. On the board the address dependency
    /// ensures this (DDI 0487, B2.3), on the host an acquire, which the thread sanitizer understands.
    @inline(__always) public func load() -> Ref<Object>? {
        #if hasFeature(Embedded)
            Self.ref(word.load(ordering: .relaxed))
        #else
            Self.ref(word.loadAddress(span: MemoryLayout<Object>.size))
        #endif
    }

    /// Stores a link to an object that was written before. The store releases the object.
    @inline(__always) public func store(_ object: Ref<Object>?) { word.store(Self.bits(object), ordering: .releasing) }
    /// Stores a link to an object that all readers know already, or do not follow.
    @inline(__always) public func relaxedStore(_ object: Ref<Object>?) {
        word.store(Self.bits(object), ordering: .relaxed)
    }

    @inline(__always) private static func ref(_ bits: UInt64) -> Ref<Object>? {
        bits == 0 ? nil : Ref(at: PhysicalAddress(bits))
    }
    @inline(__always) private static func bits(_ object: Ref<Object>?) -> UInt64 { object?.address.value ?? 0 }
}

/// Links that other cores follow.
public struct SharedRefs<let count: Int, Object: ~Copyable>: ~Copyable {
    let links: InlineArray<count, SharedRef<Object>>

    @inline(__always) public subscript(_ index: Int) -> Ref<Object>? {
        get { links[index].load() }
        nonmutating set { links[index].store(newValue) }
    }
}

/// A byte that other cores read.
public struct SharedByte: ~Copyable {
    let byte: SharedUInt8

    @inline(__always) public func load() -> UInt8 { byte.load(ordering: .acquiring) }
    @inline(__always) public func store(_ value: UInt8) { byte.store(value, ordering: .releasing) }
    @inline(__always) public func relaxedLoad() -> UInt8 { byte.load(ordering: .relaxed) }
    @inline(__always) public func relaxedStore(_ value: UInt8) { byte.store(value, ordering: .relaxed) }
}

#if hasFeature(Embedded)
    /// Words and bytes that other cores read in no particular order. They are plain memory, in which each access is
    /// whole (DDI 0487, B2.2.1), because the compiler would neither join nor omit accesses to atomic ones.
    public typealias SharedWords<let count: Int> = InlineArray<count, UInt64>
    public typealias SharedBytes<let count: Int> = InlineArray<count, UInt8>
#else
    /// Words that other cores read in no particular order.
    public struct SharedWords<let count: Int>: ~Copyable {
        let words: InlineArray<count, AtomicWord>

        @inline(__always) public subscript(_ index: Int) -> UInt64 {
            get { words[index].relaxedLoad() }
            nonmutating set { words[index].relaxedStore(newValue) }
        }
    }

    /// Bytes that other cores read in no particular order.
    public struct SharedBytes<let count: Int>: ~Copyable {
        let bytes: InlineArray<count, SharedByte>

        @inline(__always) public subscript(_ index: Int) -> UInt8 {
            get { bytes[index].relaxedLoad() }
            nonmutating set { bytes[index].relaxedStore(newValue) }
        }
    }
#endif
