#if !hasFeature(Embedded)
    /// A byte of memory that its users access by plain loads and stores, because another word says whose turn it is.
    ///
    /// An exploration treats each access as unordered, so that a schedule shows the error if that other word is
    /// published too early. Outside of explorations it is a plain access, which the thread sanitizer checks.
    public struct PlainByte {
        private let pointer: UnsafeMutablePointer<UInt8>

        public init(_ pointer: UnsafeMutablePointer<UInt8>) { self.pointer = pointer }

        private var location: SharedLocation { SharedLocation(address: UInt(bitPattern: pointer), width: 1) }

        public var value: UInt8 {
            get {
                guard let observer = SharedAccess.observer else { return pointer.pointee }
                return UInt8(truncatingIfNeeded: observer.load(location, .relaxed))
            }
            nonmutating set {
                guard let observer = SharedAccess.observer else { return pointer.pointee = newValue }
                observer.willOwn(location)
                observer.store(location, UInt64(newValue), .relaxed)
            }
        }
    }
#endif
