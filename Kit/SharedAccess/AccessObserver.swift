#if !hasFeature(Embedded)
    import Synchronization

    #if canImport(Glibc)
        import Glibc
    #else
        import Darwin
    #endif

    // The seam between shared words and the explorer of interleavings (`Tests/Interleaving`). Host only: on the board
    // the names of this module stand for `Synchronization.Atomic`, and nothing of it is compiled.
    //
    // Each access of a shared word asks whether its host thread belongs to an exploration. If none is under way in the
    // process, that costs one relaxed load; a thread of another test that runs meanwhile looks at its thread-specific
    // value as well, and goes on.

    /// A shared word: its address, and its width in bytes.
    public struct SharedPlace: Hashable {
        public var address: UInt
        public var width: Int
        @inlinable public init(address: UInt, width: Int) {
            self.address = address
            self.width = width
        }
    }

    /// The order that a load asks for.
    public enum LoadOrder: Equatable {
        case relaxed
        case acquire
        /// Relaxed on the board, where the address dependency orders it before each access to the `span` bytes that the
        /// loaded value, of which `mask` keeps the address, points to.
        case dependency(span: UInt, mask: UInt64)
    }

    /// The order that a store asks for.
    public enum StoreOrder {
        case relaxed, release
    }

    /// The order that a read-modify-write asks for.
    public struct UpdateOrder {
        public var acquires: Bool
        public var releases: Bool

        init(_ ordering: AtomicUpdateOrdering) {
            acquires = ordering != .relaxed && ordering != .releasing
            releases = ordering != .relaxed && ordering != .acquiring
        }
    }

    public enum Barrier {
        /// DMB ISHLD: loads before it, everything after it.
        case loads
        /// DMB ISHST: stores before it, stores after it.
        case stores
        /// DMB ISH.
        case all
    }

    /// Plays the accesses of the host threads of one exploration.
    open class AccessObserver {
        public init() {}
        open func load(_ place: SharedPlace, _ order: LoadOrder) -> UInt64 { fatalError("abstract") }
        open func store(_ place: SharedPlace, _ value: UInt64, _ order: StoreOrder) { fatalError("abstract") }
        /// A read-modify-write; `change` returns nil to leave the word. Returns the word before.
        open func update(_ place: SharedPlace, _ order: UpdateOrder, _ change: (UInt64) -> UInt64?) -> UInt64 {
            fatalError("abstract")
        }
        open func order(_ barrier: Barrier) { fatalError("abstract") }
        /// In a loop that waits for another core's store.
        open func relax() { fatalError("abstract") }
        /// The bytes from `address` on are about to be set to 0 by plain stores.
        open func willZero(_ address: UInt, size: UInt) { fatalError("abstract") }
        /// The word is about to be stored by a plain store, because it is this core's alone.
        open func willOwn(_ place: SharedPlace) { fatalError("abstract") }
        /// No other core continues until the matching `endWhole`.
        open func beginWhole() { fatalError("abstract") }
        open func endWhole() { fatalError("abstract") }
    }

    public enum SharedAccess {
        /// The number of explorations under way in this process.
        private static let explorations = Atomic<Int>(0)
        private static let key: pthread_key_t = {
            var key = pthread_key_t()
            pthread_key_create(&key, nil)
            return key
        }()

        /// The observer of the calling host thread; nil: the access is an ordinary one.
        @inline(__always) public static var observer: AccessObserver? {
            explorations.load(ordering: .relaxed) == 0 ? nil : ofThread
        }

        @inline(never) private static var ofThread: AccessObserver? {
            pthread_getspecific(key).map { Unmanaged<AccessObserver>.fromOpaque($0).takeUnretainedValue() }
        }

        /// Makes `observer`, which must outlive the calling host thread, play the thread's accesses from now on.
        public static func observeThread(by observer: AccessObserver) {
            pthread_setspecific(key, Unmanaged.passUnretained(observer).toOpaque())
        }

        public static func beginExploration() { explorations.add(1, ordering: .sequentiallyConsistent) }
        public static func endExploration() { explorations.subtract(1, ordering: .sequentiallyConsistent) }

        /// Orders this thread's accesses, as the board's barrier does. Returns false if the caller must do it itself.
        public static func order(_ barrier: Barrier) -> Bool {
            guard let observer else { return false }
            observer.order(barrier)
            return true
        }

        /// Lets others go on. Returns false if the caller must do it itself.
        public static func relax() -> Bool {
            guard let observer else { return false }
            observer.relax()
            return true
        }

        public static func willZero(_ address: UInt, size: UInt) { observer?.willZero(address, size: size) }

        /// Does something that the host guards by a lock of its own: no core of the exploration continues in the
        /// middle.
        public static func whole<Result>(_ body: () throws -> Result) rethrows -> Result {
            guard let observer else { return try body() }
            observer.beginWhole()
            defer { observer.endWhole() }
            return try body()
        }
    }
#endif
