/// The reason why the pool refuses a request, or cannot be opened.
public enum PoolError: UInt32, Error, Equatable, Sendable {
    /// The device reported an error. A change of metadata that ends with it takes effect if the device works again
    /// before the pool is opened anew (`Pool.retry`).
    case device = 1
    /// A structure or a unit of data has another checksum than it should have.
    case damaged
    /// The request lies beyond the end of the disk.
    case outOfRange
    /// The pool has no free unit that the disk may take.
    case poolFull
    /// The disk has used up its quota.
    case quota
    case noSuchDisk
    /// Another disk or snapshot has the name.
    case exists
    /// The name is empty or too long.
    case badName
    /// The pool has no record for another disk.
    case noRecord
    /// A snapshot cannot be changed.
    case isSnapshot
    /// A clone still needs the snapshot.
    case neededByClone
    /// The disk would be larger than the format allows.
    case tooLarge
    /// A disk cannot become smaller.
    case shrinks
    /// The pool accepts no changes. `Pool.readOnlyReason` says why.
    case readOnly
    /// The device holds no pool.
    case noPool
    /// Another version of the program wrote the pool.
    case unknownVersion
    /// The pool has features that this program does not know and without which it must not open the pool.
    case unknownFeatures
    /// The pool is larger than the device, or than the memory that the owner gave.
    case badSize
    /// The recovery log holds more than the memory can take up.
    case recovery
}

/// The reason why a pool accepts no changes.
public enum ReadOnlyReason: Equatable, Sendable {
    /// The owner asked for it.
    case owner
    /// The pool has features that only a reader may ignore.
    case features(UInt64)
}
