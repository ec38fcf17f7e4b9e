/// How the kernel's message about a client's fault tells a pager who faulted.
public enum Paging {
    /// Added to the number of the client that faults: no badge of a component that only calls the pager (`uses`) has
    /// this bit.
    public static let faultBadge: UInt64 = 1 << 32
    /// Frames that a pager hands out at most: a slot of its table for each.
    public static let maximumFrames: UInt64 = 64
}
