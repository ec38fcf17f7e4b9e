import ABI

// A pager brings files of the image into memory page by page, as the fault portal of its clients. A client waits for
// its pager on its own time, and the kernel waits for neither.

/// A client of this pager with its file. The pager sees the whole file, and the client sees the pages that are
/// mapped.
public struct PagedClient {
    /// The client's number among those of this pager.
    public let number: UInt64
    /// The address of the file in this component's space.
    fileprivate let source: UInt64
    /// The address of the file in the client's space.
    fileprivate let target: UInt64
    /// The size of the file in bytes. Zeros fill the rest of the last page.
    public let size: UInt64
    fileprivate let space: UInt32

    fileprivate init(_ resource: Resource) {
        number = resource.number
        source = resource.address
        target = resource.detail
        size = resource.size
        space = UInt32(truncatingIfNeeded: resource.slot)
    }

    /// Finds the client of this number. Returns nil if there is none.
    public init?(number: UInt64) {
        var clients = Configuration.resources(of: .pagedClient)
        while let resource = clients.next() {
            guard resource.number == number else { continue }
            self.init(resource)
            return
        }
        return nil
    }
}

/// A client's load from a page of its file that is not mapped.
public struct PageFault {
    public let client: PagedClient
    /// The number of pages between the file's start and this page, which lies inside of the file.
    public let page: UInt64

    /// Decodes a message. Returns nil for a fault that no page can cure (a store, an execution, or an address outside
    /// of the file), and for a message that does not come from the kernel.
    init?(_ answer: Answer) {
        // The badge of a component that only calls the pager becomes a number that no client has.
        guard let client = PagedClient(number: answer.tag ^ Paging.faultBadge),
            Self.isLoad(ExitTag(bits: answer.words.w0)), answer.words.w1 >= client.target
        else { return nil }
        page = (answer.words.w1 - client.target) >> 12
        guard page << 12 < client.size else { return nil }
        self.client = client
    }

    /// Returns true for a load from an address at which nothing is mapped.
    private static func isLoad(_ tag: ExitTag) -> Bool {
        let isTranslation = tag.syndrome & 0x3C == 4
        return tag.syndrome >> 26 == dataAbort && !tag.isWrite && isTranslation
    }

    private static let dataAbort: UInt64 = 0x24
}

/// Pages of this component's memory that it may map into its clients' spaces.
public struct PageFrames {
    private let memory: UInt64
    private let extent: UInt64
    private let firstMapping: UInt32
    public let count: Int

    public static let pageSize: UInt64 = 4096

    /// Finds the frames that the host tool's plan calls `name`. Stops the component with a log line if there are
    /// none.
    public init(named name: StaticString) {
        guard let resource = Configuration.resource(.frames, named: name) else {
            log(
                "this component uses the frames '\(name)', but no component names it as its pager: add 'paged' to a client"
            )
            fatalError("no such frames")
        }
        memory = resource.address
        extent = resource.slot
        firstMapping = UInt32(truncatingIfNeeded: resource.number)
        count = Int(truncatingIfNeeded: min(resource.detail, resource.size / Self.pageSize))
    }

    /// Copies the page that a client needs into a frame. The frame must be mapped nowhere, because otherwise the
    /// client that has it mapped would read the bytes of another page.
    public func fill(_ frame: Int, for fault: PageFault) {
        precondition(frame >= 0 && frame < count, "the pager has no frame of this number")
        // SAFETY: both pages are mapped: the frame is below `count`, and a fault lies inside of its file, which is
        // filled up to whole pages.
        unsafe Seam.copyPages(
            to: memory + UInt64(frame) << 12, from: fault.client.source + fault.page << 12, size: Self.pageSize)
    }

    /// Maps a frame at the address of a client's fault, for loads only. Returns false if the client has died, or if
    /// its space has no room. A frame can be mapped in one place at a time.
    public func map(_ frame: Int, for fault: PageFault) -> Bool {
        precondition(frame >= 0 && frame < count, "the pager has no frame of this number")
        return invokeUntilDone(
            .map, Selector(slot: fault.client.space),
            Words(
                extent, fault.client.target + fault.page << 12, UInt64(frame) << 12, Self.pageSize,
                UInt64(Rights.read.rawValue), UInt64(mapping(frame)))
        ).status == .ok
    }

    /// Unmaps a frame if it is mapped. The client that had it mapped then faults at its next access.
    public func unmap(_ frame: Int) {
        precondition(frame >= 0 && frame < count, "the pager has no frame of this number")
        revoke(mapping(frame), .delete)
    }

    private func mapping(_ frame: Int) -> UInt32 { firstMapping + UInt32(truncatingIfNeeded: frame) }
}

/// A service that answers the faults of a pager's clients.
public protocol FaultService {
    /// Maps the page. Returns false if it cannot; the client then stops, and its supervisor learns of the fault.
    mutating func provide(_ fault: PageFault) -> Bool
}

/// Serves the faults of this pager's clients and never returns on the board. It refuses a fault that is no
/// `PageFault`, and a call of a component that only `uses` this one.
public func serveFaults(_ service: inout some FaultService) {
    var answer = replyWait(ReplyForm.wait)
    while true {
        switch answer.status {
        case .ok:
            var isServed = false
            if let fault = PageFault(answer) { isServed = service.provide(fault) }
            answer = replyWait(ReplyForm.reply | ReplyForm.wait | (isServed ? 0 : ReplyForm.refuse))
        case .notified: answer = replyWait(ReplyForm.wait)
        default: return
        }
    }
}
