#if !hasFeature(Embedded)
    import Synchronization

    // Stand-ins for `Synchronization.Atomic` whose accesses an exploration can play. They have the members that Entente
    // uses, with the same names, so that only the type's name differs between host and board. Each width has a type of
    // its own, because `Atomic` declares its operations for each width separately.
    //
    // Outside of explorations each read-modify-write is sequentially consistent, because the compiler must know the
    // order. On the host that makes no difference.

    /// An observed `Atomic<UInt64>`.
    public struct SharedUInt64: ~Copyable, @unchecked Sendable {
        private let word: Atomic<UInt64>

        public init(_ value: UInt64) { word = Atomic(value) }

        private var location: SharedLocation {
            withUnsafePointer(to: self) { SharedLocation(address: UInt(bitPattern: $0), width: 8) }
        }

        public func load(ordering: AtomicLoadOrdering) -> UInt64 {
            if let observer = SharedAccess.observer {
                return UInt64(truncatingIfNeeded: observer.load(location, ordering == .relaxed ? .relaxed : .acquire))
            }
            switch ordering {
            case .relaxed: return word.load(ordering: .relaxed)
            case .acquiring: return word.load(ordering: .acquiring)
            default: return word.load(ordering: .sequentiallyConsistent)
            }
        }

        public func store(_ value: UInt64, ordering: AtomicStoreOrdering) {
            if let observer = SharedAccess.observer {
                return observer.store(location, UInt64(value), ordering == .relaxed ? .relaxed : .release)
            }
            switch ordering {
            case .relaxed: word.store(value, ordering: .relaxed)
            case .releasing: word.store(value, ordering: .releasing)
            default: word.store(value, ordering: .sequentiallyConsistent)
            }
        }

        /// Loads an address by which the caller reaches `span` bytes. The bits that are not in `mask` are no part of
        /// the address.
        public func loadAddress(span: Int, mask: UInt64 = ~1) -> UInt64 {
            if let observer = SharedAccess.observer {
                return observer.load(location, .dependency(span: UInt(span), mask: mask))
            }
            return word.load(ordering: .acquiring)
        }

        public func bitwiseOr(
            _ value: UInt64, ordering: AtomicUpdateOrdering
        ) -> (oldValue: UInt64, newValue: UInt64) {
            guard let observer = SharedAccess.observer else {
                return word.bitwiseOr(value, ordering: .sequentiallyConsistent)
            }
            let old = UInt64(
                truncatingIfNeeded: observer.update(location, UpdateOrder(ordering)) {
                    UInt64(UInt64(truncatingIfNeeded: $0) | value)
                })
            return (old, old | value)
        }

        public func bitwiseAnd(
            _ value: UInt64, ordering: AtomicUpdateOrdering
        ) -> (oldValue: UInt64, newValue: UInt64) {
            guard let observer = SharedAccess.observer else {
                return word.bitwiseAnd(value, ordering: .sequentiallyConsistent)
            }
            let old = UInt64(
                truncatingIfNeeded: observer.update(location, UpdateOrder(ordering)) {
                    UInt64(UInt64(truncatingIfNeeded: $0) & value)
                })
            return (old, old & value)
        }

        public func wrappingAdd(
            _ value: UInt64, ordering: AtomicUpdateOrdering
        ) -> (oldValue: UInt64, newValue: UInt64) {
            guard let observer = SharedAccess.observer else {
                return word.wrappingAdd(value, ordering: .sequentiallyConsistent)
            }
            let old = UInt64(
                truncatingIfNeeded: observer.update(location, UpdateOrder(ordering)) {
                    UInt64(UInt64(truncatingIfNeeded: $0) &+ value)
                })
            return (old, old &+ value)
        }

        public func exchange(_ value: UInt64, ordering: AtomicUpdateOrdering) -> UInt64 {
            guard let observer = SharedAccess.observer else {
                return word.exchange(value, ordering: .sequentiallyConsistent)
            }
            return UInt64(truncatingIfNeeded: observer.update(location, UpdateOrder(ordering)) { _ in UInt64(value) })
        }

        public func weakCompareExchange(
            expected: UInt64, desired: UInt64, ordering: AtomicUpdateOrdering
        ) -> (exchanged: Bool, original: UInt64) {
            guard let observer = SharedAccess.observer else {
                return word.weakCompareExchange(
                    expected: expected, desired: desired, ordering: .sequentiallyConsistent)
            }
            let old = observer.update(location, UpdateOrder(ordering)) {
                $0 == UInt64(expected) ? UInt64(desired) : nil
            }
            return (old == UInt64(expected), UInt64(truncatingIfNeeded: old))
        }

        public func compareExchange(
            expected: UInt64, desired: UInt64, ordering: AtomicUpdateOrdering
        ) -> (exchanged: Bool, original: UInt64) {
            guard SharedAccess.observer == nil else {
                return weakCompareExchange(expected: expected, desired: desired, ordering: ordering)
            }
            return word.compareExchange(expected: expected, desired: desired, ordering: .sequentiallyConsistent)
        }
    }

    /// An observed `Atomic<UInt32>`.
    public struct SharedUInt32: ~Copyable, @unchecked Sendable {
        private let word: Atomic<UInt32>

        public init(_ value: UInt32) { word = Atomic(value) }

        private var location: SharedLocation {
            withUnsafePointer(to: self) { SharedLocation(address: UInt(bitPattern: $0), width: 4) }
        }

        public func load(ordering: AtomicLoadOrdering) -> UInt32 {
            if let observer = SharedAccess.observer {
                return UInt32(truncatingIfNeeded: observer.load(location, ordering == .relaxed ? .relaxed : .acquire))
            }
            switch ordering {
            case .relaxed: return word.load(ordering: .relaxed)
            case .acquiring: return word.load(ordering: .acquiring)
            default: return word.load(ordering: .sequentiallyConsistent)
            }
        }

        public func store(_ value: UInt32, ordering: AtomicStoreOrdering) {
            if let observer = SharedAccess.observer {
                return observer.store(location, UInt64(value), ordering == .relaxed ? .relaxed : .release)
            }
            switch ordering {
            case .relaxed: word.store(value, ordering: .relaxed)
            case .releasing: word.store(value, ordering: .releasing)
            default: word.store(value, ordering: .sequentiallyConsistent)
            }
        }

        public func bitwiseOr(
            _ value: UInt32, ordering: AtomicUpdateOrdering
        ) -> (oldValue: UInt32, newValue: UInt32) {
            guard let observer = SharedAccess.observer else {
                return word.bitwiseOr(value, ordering: .sequentiallyConsistent)
            }
            let old = UInt32(
                truncatingIfNeeded: observer.update(location, UpdateOrder(ordering)) {
                    UInt64(UInt32(truncatingIfNeeded: $0) | value)
                })
            return (old, old | value)
        }

        public func bitwiseAnd(
            _ value: UInt32, ordering: AtomicUpdateOrdering
        ) -> (oldValue: UInt32, newValue: UInt32) {
            guard let observer = SharedAccess.observer else {
                return word.bitwiseAnd(value, ordering: .sequentiallyConsistent)
            }
            let old = UInt32(
                truncatingIfNeeded: observer.update(location, UpdateOrder(ordering)) {
                    UInt64(UInt32(truncatingIfNeeded: $0) & value)
                })
            return (old, old & value)
        }

        public func wrappingAdd(
            _ value: UInt32, ordering: AtomicUpdateOrdering
        ) -> (oldValue: UInt32, newValue: UInt32) {
            guard let observer = SharedAccess.observer else {
                return word.wrappingAdd(value, ordering: .sequentiallyConsistent)
            }
            let old = UInt32(
                truncatingIfNeeded: observer.update(location, UpdateOrder(ordering)) {
                    UInt64(UInt32(truncatingIfNeeded: $0) &+ value)
                })
            return (old, old &+ value)
        }

        public func exchange(_ value: UInt32, ordering: AtomicUpdateOrdering) -> UInt32 {
            guard let observer = SharedAccess.observer else {
                return word.exchange(value, ordering: .sequentiallyConsistent)
            }
            return UInt32(truncatingIfNeeded: observer.update(location, UpdateOrder(ordering)) { _ in UInt64(value) })
        }

        public func weakCompareExchange(
            expected: UInt32, desired: UInt32, ordering: AtomicUpdateOrdering
        ) -> (exchanged: Bool, original: UInt32) {
            guard let observer = SharedAccess.observer else {
                return word.weakCompareExchange(
                    expected: expected, desired: desired, ordering: .sequentiallyConsistent)
            }
            let old = observer.update(location, UpdateOrder(ordering)) {
                $0 == UInt64(expected) ? UInt64(desired) : nil
            }
            return (old == UInt64(expected), UInt32(truncatingIfNeeded: old))
        }

        public func compareExchange(
            expected: UInt32, desired: UInt32, ordering: AtomicUpdateOrdering
        ) -> (exchanged: Bool, original: UInt32) {
            guard SharedAccess.observer == nil else {
                return weakCompareExchange(expected: expected, desired: desired, ordering: ordering)
            }
            return word.compareExchange(expected: expected, desired: desired, ordering: .sequentiallyConsistent)
        }
    }

    /// An observed `Atomic<UInt8>`.
    public struct SharedUInt8: ~Copyable, @unchecked Sendable {
        private let word: Atomic<UInt8>

        public init(_ value: UInt8) { word = Atomic(value) }

        private var location: SharedLocation {
            withUnsafePointer(to: self) { SharedLocation(address: UInt(bitPattern: $0), width: 1) }
        }

        public func load(ordering: AtomicLoadOrdering) -> UInt8 {
            if let observer = SharedAccess.observer {
                return UInt8(truncatingIfNeeded: observer.load(location, ordering == .relaxed ? .relaxed : .acquire))
            }
            switch ordering {
            case .relaxed: return word.load(ordering: .relaxed)
            case .acquiring: return word.load(ordering: .acquiring)
            default: return word.load(ordering: .sequentiallyConsistent)
            }
        }

        public func store(_ value: UInt8, ordering: AtomicStoreOrdering) {
            if let observer = SharedAccess.observer {
                return observer.store(location, UInt64(value), ordering == .relaxed ? .relaxed : .release)
            }
            switch ordering {
            case .relaxed: word.store(value, ordering: .relaxed)
            case .releasing: word.store(value, ordering: .releasing)
            default: word.store(value, ordering: .sequentiallyConsistent)
            }
        }

        public func bitwiseOr(
            _ value: UInt8, ordering: AtomicUpdateOrdering
        ) -> (oldValue: UInt8, newValue: UInt8) {
            guard let observer = SharedAccess.observer else {
                return word.bitwiseOr(value, ordering: .sequentiallyConsistent)
            }
            let old = UInt8(
                truncatingIfNeeded: observer.update(location, UpdateOrder(ordering)) {
                    UInt64(UInt8(truncatingIfNeeded: $0) | value)
                })
            return (old, old | value)
        }

        public func bitwiseAnd(
            _ value: UInt8, ordering: AtomicUpdateOrdering
        ) -> (oldValue: UInt8, newValue: UInt8) {
            guard let observer = SharedAccess.observer else {
                return word.bitwiseAnd(value, ordering: .sequentiallyConsistent)
            }
            let old = UInt8(
                truncatingIfNeeded: observer.update(location, UpdateOrder(ordering)) {
                    UInt64(UInt8(truncatingIfNeeded: $0) & value)
                })
            return (old, old & value)
        }

        public func wrappingAdd(
            _ value: UInt8, ordering: AtomicUpdateOrdering
        ) -> (oldValue: UInt8, newValue: UInt8) {
            guard let observer = SharedAccess.observer else {
                return word.wrappingAdd(value, ordering: .sequentiallyConsistent)
            }
            let old = UInt8(
                truncatingIfNeeded: observer.update(location, UpdateOrder(ordering)) {
                    UInt64(UInt8(truncatingIfNeeded: $0) &+ value)
                })
            return (old, old &+ value)
        }

        public func exchange(_ value: UInt8, ordering: AtomicUpdateOrdering) -> UInt8 {
            guard let observer = SharedAccess.observer else {
                return word.exchange(value, ordering: .sequentiallyConsistent)
            }
            return UInt8(truncatingIfNeeded: observer.update(location, UpdateOrder(ordering)) { _ in UInt64(value) })
        }

        public func weakCompareExchange(
            expected: UInt8, desired: UInt8, ordering: AtomicUpdateOrdering
        ) -> (exchanged: Bool, original: UInt8) {
            guard let observer = SharedAccess.observer else {
                return word.weakCompareExchange(
                    expected: expected, desired: desired, ordering: .sequentiallyConsistent)
            }
            let old = observer.update(location, UpdateOrder(ordering)) {
                $0 == UInt64(expected) ? UInt64(desired) : nil
            }
            return (old == UInt64(expected), UInt8(truncatingIfNeeded: old))
        }

        public func compareExchange(
            expected: UInt8, desired: UInt8, ordering: AtomicUpdateOrdering
        ) -> (exchanged: Bool, original: UInt8) {
            guard SharedAccess.observer == nil else {
                return weakCompareExchange(expected: expected, desired: desired, ordering: ordering)
            }
            return word.compareExchange(expected: expected, desired: desired, ordering: .sequentiallyConsistent)
        }
    }

    /// An observed `Atomic<Bool>`.
    public struct SharedBool: ~Copyable, @unchecked Sendable {
        private let byte: SharedUInt8

        public init(_ value: Bool) { byte = SharedUInt8(value ? 1 : 0) }
        public func load(ordering: AtomicLoadOrdering) -> Bool { byte.load(ordering: ordering) != 0 }
        public func store(_ value: Bool, ordering: AtomicStoreOrdering) {
            byte.store(value ? 1 : 0, ordering: ordering)
        }
        public func exchange(_ value: Bool, ordering: AtomicUpdateOrdering) -> Bool {
            byte.exchange(value ? 1 : 0, ordering: ordering) != 0
        }
        public func compareExchange(
            expected: Bool, desired: Bool, ordering: AtomicUpdateOrdering
        ) -> (exchanged: Bool, original: Bool) {
            let (exchanged, original) = byte.compareExchange(
                expected: expected ? 1 : 0, desired: desired ? 1 : 0, ordering: ordering)
            return (exchanged, original != 0)
        }
    }
#endif
