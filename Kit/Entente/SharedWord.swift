import Synchronization

// The words of memory that a peer shares. On the board a `SharedWord` is a pointer to an `Atomic` and nothing else.
// On the host the test that runs the component sees each access before it happens. The test can check order and
// orderings, and play the peer between any two accesses. The access itself can be a point of an exploration
// (`Tests/Interleaving`).

#if hasFeature(Embedded)
    typealias SharedWord<Value: AtomicRepresentable> = UnsafePointer<Atomic<Value>>

    typealias SharedByte = UnsafeMutablePointer<UInt8>
#else
    import SharedAccess

    /// One access to shared memory.
    struct SharedAccess: Equatable, Sendable {
        enum Ordering: Sendable {
            /// A plain access, which is not atomic.
            case plain
            case relaxed, acquiring, releasing, sequentiallyConsistent
        }
        var address: UInt
        var ordering: Ordering
        /// The value of a store; nil for a load, and for a plain access.
        var stored: UInt64?

        /// The observer that sees each access of the present task before it happens.
        @TaskLocal static var observer: (@Sendable (SharedAccess) -> Void)?

        static func willHappen(_ address: UnsafeRawPointer, _ ordering: Ordering, storing value: UInt64? = nil) {
            guard let observer else { return }
            // SAFETY: the pointer is only shown as a number.
            unsafe observer(SharedAccess(address: UInt(bitPattern: address), ordering: ordering, stored: value))
        }
    }

    /// Stands in for a pointer to a byte with plain accesses, and shows each access to the observer.
    @safe
    struct SharedByte {
        private let pointer: UnsafeMutablePointer<UInt8>
        // SAFETY: as of `SharedWord`.
        init(_ pointer: UnsafeMutablePointer<UInt8>) { unsafe self.pointer = unsafe pointer }
        var pointee: UInt8 {
            get {
                // SAFETY: as in `willHappen`.
                unsafe SharedAccess.willHappen(pointer, .plain)
                return unsafe PlainByte(pointer).value
            }
            nonmutating set {
                // SAFETY: as in `willHappen`.
                unsafe SharedAccess.willHappen(pointer, .plain)
                unsafe PlainByte(pointer).value = newValue
            }
        }
    }

    enum SharedLoadOrdering { case relaxed, acquiring, sequentiallyConsistent }
    enum SharedStoreOrdering { case relaxed, releasing, sequentiallyConsistent }

    /// Stands in for a pointer to an `Atomic`. It shows each access to the observer, and makes it with the caller's
    /// ordering.
    @safe
    struct SharedWord<Value: FixedWidthInteger & AtomicRepresentable> {
        private let atomic: UnsafePointer<Atomic<Value>>
        // SAFETY: the maker of a value keeps the memory for as long as the value is used, as with the pointer on the
        // board.
        init(_ atomic: UnsafeMutablePointer<Atomic<Value>>) { unsafe self.atomic = UnsafePointer(atomic) }
        var pointee: SharedWord { self }
    }

    extension SharedWord where Value == UInt32 {
        private var word: UnsafePointer<SharedUInt32> {
            // SAFETY: a `SharedUInt32` is an `Atomic` of this type and nothing else.
            unsafe UnsafeRawPointer(atomic).assumingMemoryBound(to: SharedUInt32.self)
        }

        func load(ordering: SharedLoadOrdering) -> Value {
            // SAFETY: see `init`.
            unsafe SharedAccess.willHappen(atomic, ordering.shown)
            return switch ordering {
            case .relaxed: unsafe word.pointee.load(ordering: .relaxed)
            case .acquiring: unsafe word.pointee.load(ordering: .acquiring)
            case .sequentiallyConsistent: unsafe word.pointee.load(ordering: .sequentiallyConsistent)
            }
        }

        func store(_ value: Value, ordering: SharedStoreOrdering) {
            // SAFETY: see `init`.
            unsafe SharedAccess.willHappen(atomic, ordering.shown, storing: UInt64(value))
            switch ordering {
            case .relaxed: unsafe word.pointee.store(value, ordering: .relaxed)
            case .releasing: unsafe word.pointee.store(value, ordering: .releasing)
            case .sequentiallyConsistent: unsafe word.pointee.store(value, ordering: .sequentiallyConsistent)
            }
        }
    }

    extension SharedWord where Value == UInt64 {
        private var word: UnsafePointer<SharedUInt64> {
            // SAFETY: a `SharedUInt64` is an `Atomic` of this type and nothing else.
            unsafe UnsafeRawPointer(atomic).assumingMemoryBound(to: SharedUInt64.self)
        }

        func load(ordering: SharedLoadOrdering) -> Value {
            // SAFETY: see `init`.
            unsafe SharedAccess.willHappen(atomic, ordering.shown)
            return switch ordering {
            case .relaxed: unsafe word.pointee.load(ordering: .relaxed)
            case .acquiring: unsafe word.pointee.load(ordering: .acquiring)
            case .sequentiallyConsistent: unsafe word.pointee.load(ordering: .sequentiallyConsistent)
            }
        }

        func store(_ value: Value, ordering: SharedStoreOrdering) {
            // SAFETY: see `init`.
            unsafe SharedAccess.willHappen(atomic, ordering.shown, storing: UInt64(value))
            switch ordering {
            case .relaxed: unsafe word.pointee.store(value, ordering: .relaxed)
            case .releasing: unsafe word.pointee.store(value, ordering: .releasing)
            case .sequentiallyConsistent: unsafe word.pointee.store(value, ordering: .sequentiallyConsistent)
            }
        }
    }

    extension SharedLoadOrdering {
        fileprivate var shown: SharedAccess.Ordering {
            switch self {
            case .relaxed: .relaxed
            case .acquiring: .acquiring
            case .sequentiallyConsistent: .sequentiallyConsistent
            }
        }
    }

    extension SharedStoreOrdering {
        fileprivate var shown: SharedAccess.Ordering {
            switch self {
            case .relaxed: .relaxed
            case .releasing: .releasing
            case .sequentiallyConsistent: .sequentiallyConsistent
            }
        }
    }
#endif
