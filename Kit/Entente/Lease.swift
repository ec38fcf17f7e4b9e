import ABI

/// The accesses that the server of a lease may make.
public protocol LeaseAccess { static var rights: Rights { get } }
/// Lets the server read the caller's memory.
public enum Reading: LeaseAccess { public static var rights: Rights { .read } }
/// Lets the server write into the caller's memory.
public enum Writing: LeaseAccess { public static var rights: Rights { .write } }

/// The reasons for which a server cannot use a lease.
public enum LeaseError: Error, Equatable {
    /// The access goes beyond the lease's end.
    case outOfRange
    /// The caller leased memory that it does not have. The server answers with an error, because the mistake is the
    /// caller's.
    case badAddress
    /// The caller has died, or its call was aborted.
    case ended
}

/// Memory of a caller that the server may read or write by copies until it replies. The kernel checks each access,
/// and ends the lease with the call.
///
/// The caller makes a lease by `lending` and passes it as a parameter of an interface. The server receives it as the
/// caller's lease.
public struct Lease<Access: LeaseAccess>: Parameter {
    /// The size in bytes, as the caller claims. An access beyond the memory that the caller really lent is still an
    /// error.
    public let count: Int
    /// The lender's address. It is 0 on the server's side, because the kernel does not tell it.
    private let address: UInt64

    private init(address: UInt64, count: Int) {
        self.address = address
        self.count = count
    }

    public func append(to message: inout OutgoingMessage) {
        message.append(UInt64(count))
        message.append(leaseAt: address, size: UInt64(count), rights: Access.rights)
    }

    public static func take(from message: inout IncomingMessage) -> Lease? {
        guard message.hasLease, let size = message.takeWord(), size <= UInt64(Int.max) else { return nil }
        return Lease(address: 0, count: Int(size))
    }

    /// Copies `size` bytes, in as many entries into the kernel as it takes.
    fileprivate func copy(_ form: CopyForm, at offset: Int, _ own: UInt64, _ size: Int) throws(LeaseError) {
        guard offset >= 0, offset <= count, size <= count - offset else { throw .outOfRange }
        var done: UInt64 = 0
        while done < UInt64(size) {
            let answer = invoke(
                .copy, Selector(slot: 0, form: form.rawValue),
                Words(UInt64(offset) + done, own + done, UInt64(size) - done))
            switch answer.status {
            case .ok: return
            case .again where answer.words.w0 > 0: done += answer.words.w0
            case .badAddress, .noRights: throw .badAddress
            case .badArgument: throw .outOfRange
            default: throw .ended
            }
        }
    }
}

extension Lease where Access == Reading {
    /// Lends numbers for reading to the calls that `body` makes: `Lease<Reading>.lending(array.span) { lease in … }`.
    public static func lending<Element: FixedWidthInteger & BitwiseCopyable, Result, Failure: Error>(
        _ numbers: Span<Element>, to body: (Lease) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // SAFETY: the span outlives `body`, and the address goes to the kernel alone, which checks the server's
        // accesses.
        try unsafe numbers.withUnsafeBytes { buffer throws(Failure) in
            try body(Lease(address: UInt64(UInt(bitPattern: buffer.baseAddress)), count: buffer.count))
        }
    }

    /// Fills `numbers` from the caller's memory, beginning at byte `offset`. Only the server calls it.
    public func read<Element: FixedWidthInteger & BitwiseCopyable>(
        into numbers: inout MutableSpan<Element>, at offset: Int = 0
    ) throws(LeaseError) {
        // SAFETY: the kernel writes `count` bytes from the address on, which is the span's size, and any bytes are
        // numbers.
        try unsafe numbers.withUnsafeMutableBytes { buffer throws(LeaseError) in
            try copy(.read, at: offset, UInt64(UInt(bitPattern: buffer.baseAddress)), buffer.count)
        }
    }

    /// Returns the eight bytes at byte `offset` of the caller's memory, as a number. Only the server calls it.
    public func word(at offset: Int) throws(LeaseError) -> UInt64 {
        var word: UInt64 = 0
        // SAFETY: the kernel writes the eight bytes of `word`.
        try unsafe withUnsafeMutableBytes(of: &word) { buffer throws(LeaseError) in
            try copy(.read, at: offset, UInt64(UInt(bitPattern: buffer.baseAddress)), 8)
        }
        return word
    }
}

extension Lease where Access == Writing {
    /// Lends memory for writing to the calls that `body` makes.
    public static func lending<Element: FixedWidthInteger & BitwiseCopyable, Result, Failure: Error>(
        _ numbers: inout MutableSpan<Element>, to body: (Lease) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // SAFETY: nobody else has the span while `body` runs; the address goes to the kernel alone, which checks the
        // server's accesses; any bytes are numbers.
        try unsafe numbers.withUnsafeMutableBytes { buffer throws(Failure) in
            try body(Lease(address: UInt64(UInt(bitPattern: buffer.baseAddress)), count: buffer.count))
        }
    }

    /// Writes numbers into the caller's memory, beginning at byte `offset`. Only the server calls it.
    public func write<Element: FixedWidthInteger & BitwiseCopyable>(
        _ numbers: Span<Element>, at offset: Int = 0
    ) throws(LeaseError) {
        // SAFETY: the kernel reads the span's bytes while it is borrowed.
        try unsafe numbers.withUnsafeBytes { buffer throws(LeaseError) in
            try copy(.write, at: offset, UInt64(UInt(bitPattern: buffer.baseAddress)), buffer.count)
        }
    }
}
