import Foundation

/// A file that another component, the pager, brings into this one's memory page by page.
public struct PagedDescription: Sendable, Equatable {
    /// The name of the component that pages.
    public var pager: String
    public var file: URL

    public init(pager: String, file: URL) {
        self.pager = pager
        self.file = file
    }

    /// The sizes of a file. A pager sees each client's file in its own range of addresses.
    static let sizes: ClosedRange<UInt64> = 1...(64 << 20)
}
