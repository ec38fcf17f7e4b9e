/// A component whose file another component, its pager, brings into memory page by page.
public struct PagingRecord {
    /// 0, or 1 + the index of the tenant that is the pager.
    public var pager: UInt64
    /// Where the file's bytes lie in the image; a multiple of 4 KiB.
    public var offset: UInt64
    /// In bytes; the last page is filled up with zeros.
    public var size: UInt64
}

/// What root tells a pager of one of its clients.
public struct PagingClient {
    /// The file's size in bytes; 0: there is no client with this number.
    public var size: UInt64
}

/// How a pager and its clients are laid out.
public enum Paging {
    public static let maximumClients = 8
    /// Added to the number of the client that faults: no badge of a component that only calls the pager (`uses`) has this bit.
    public static let faultBadge: UInt64 = 1 << 32
    /// A client finds its file here, read-only.
    public static let file: UInt64 = 0x50_0000_0000
    /// A pager sees the file of client N at `files + N * fileStride`, read-only.
    public static let files: UInt64 = 0x58_0000_0000
    public static let fileStride: UInt64 = 1 << 30
    /// Frames that a pager hands out at most: a slot of its table for each.
    public static let maximumFrames: UInt64 = 64
}

extension InitialSlot {
    /// A pager: its own memory beyond the program, as an extent that it may map into its clients' spaces.
    public static let frames: UInt32 = 24
    /// A pager: the space of client N (`write`).
    public static let firstPagedSpace: UInt32 = 16
    /// A pager: free slots for the mappings of its frames.
    public static let firstFrameMapping: UInt32 = 64
}
