#if !hasFeature(Embedded)
    import Synchronization

    #if canImport(Glibc)
        import Glibc
    #else
        import Darwin
    #endif

    // The connection between shared words and the explorer of interleavings (`Tests/Interleaving`), on the host only.
    // On the board the names of this module stand for `Synchronization.Atomic`, and this file is not compiled.
    //
    // Each access of a shared word checks whether its host thread belongs to an exploration. If the process runs no
    // exploration, the check costs one relaxed load. If it runs one, the access of any other host thread also reads its
    // thread-specific value before it goes on.

    /// A shared word, as its address and its width in bytes.
    public struct SharedLocation: Hashable {
        public var address: UInt
        public var width: Int
        @inlinable public init(address: UInt, width: Int) {
            self.address = address
            self.width = width
        }
    }

    /// The memory order of a load.
    public enum LoadOrder: Equatable {
        case relaxed
        case acquire
        /// A relaxed load on the board. The address dependency orders it before each access to the `span` bytes at the
        /// loaded address, which is the value under `mask`.
        case dependency(span: UInt, mask: UInt64)
    }

    /// The memory order of a store.
    public enum StoreOrder {
        case relaxed, release
    }

    /// The memory order of a read-modify-write.
    public struct UpdateOrder {
        public var acquires: Bool
        public var releases: Bool

        init(_ ordering: AtomicUpdateOrdering) {
            acquires = ordering != .relaxed && ordering != .releasing
            releases = ordering != .relaxed && ordering != .acquiring
        }
    }

    public enum Barrier {
        /// A barrier that orders loads before it with all accesses after it.
        case loads
        /// A barrier that orders stores before it with stores after it.
        case stores
        /// A full barrier.
        case all
    }

    /// Plays the accesses of the host threads of one exploration.
    open class AccessObserver {
        public init() {}
        open func load(_ location: SharedLocation, _ order: LoadOrder) -> UInt64 { fatalError("abstract") }
        open func store(_ location: SharedLocation, _ value: UInt64, _ order: StoreOrder) { fatalError("abstract") }
        /// Performs a read-modify-write and returns the word's old value. `change` returns nil to leave the word as it
        /// is.
        open func update(_ location: SharedLocation, _ order: UpdateOrder, _ change: (UInt64) -> UInt64?) -> UInt64 {
            fatalError("abstract")
        }
        open func order(_ barrier: Barrier) { fatalError("abstract") }
        /// Tells the observer that the caller waits in a loop for another core's store.
        open func relax() { fatalError("abstract") }
        /// Tells the observer that plain stores will set the `size` bytes at `address` to 0.
        open func willZero(_ address: UInt, size: UInt) { fatalError("abstract") }
        /// Tells the observer that a plain store will change the word, because no other core uses it.
        open func willOwn(_ location: SharedLocation) { fatalError("abstract") }
        /// Keeps all other cores from continuing until the matching `endWhole`.
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

        /// The observer of the calling host thread, or nil if the thread's accesses are ordinary ones.
        @inline(__always) public static var observer: AccessObserver? {
            explorations.load(ordering: .relaxed) == 0 ? nil : ofThread
        }

        @inline(never) private static var ofThread: AccessObserver? {
            pthread_getspecific(key).map { Unmanaged<AccessObserver>.fromOpaque($0).takeUnretainedValue() }
        }

        /// Lets `observer` play the accesses of the calling host thread from now on. The observer must outlive the
        /// thread.
        public static func observeThread(by observer: AccessObserver) {
            pthread_setspecific(key, Unmanaged.passUnretained(observer).toOpaque())
        }

        public static func beginExploration() { explorations.add(1, ordering: .sequentiallyConsistent) }
        public static func endExploration() { explorations.subtract(1, ordering: .sequentiallyConsistent) }

        /// Orders this thread's accesses as the board's barrier does. Returns false if the caller must do it itself.
        public static func order(_ barrier: Barrier) -> Bool {
            guard let observer else { return false }
            observer.order(barrier)
            return true
        }

        /// Lets other threads continue. Returns false if the caller must do it itself.
        public static func relax() -> Bool {
            guard let observer else { return false }
            observer.relax()
            return true
        }

        public static func willZero(_ address: UInt, size: UInt) { observer?.willZero(address, size: size) }

        /// Runs `body` without letting another core of the exploration continue, because the host guards `body` by its
        /// own lock.
        public static func whole<Result>(_ body: () throws -> Result) rethrows -> Result {
            guard let observer else { return try body() }
            observer.beginWhole()
            defer { observer.endWhole() }
            return try body()
        }
    }
#endif
