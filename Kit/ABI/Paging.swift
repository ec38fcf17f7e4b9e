/// The constants of paging: the badge by which a pager recognises a client's fault, and a limit.
public enum Paging {
    /// The bit that is added to the number of the client that faults. No badge of a component that only calls the
    /// pager (`uses`) has this bit.
    public static let faultBadge: UInt64 = 1 << 32
    /// The number of frames that a pager hands out at most. Each of them takes a slot of the pager's table.
    public static let maximumFrames: UInt64 = 64
}
