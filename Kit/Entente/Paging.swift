import ABI

// A pager brings files of the image into memory page by page: it is the fault portal of its clients. A client waits for
// its pager on its own time, and the kernel does not wait at all.

/// A client of this pager with its file, which both see: the pager whole, the client as far as pages are mapped.
public struct PagedClient {
    /// The client's number among those of this pager.
    public let number: UInt64
    /// The file, in this component's space.
    fileprivate let source: UInt64
    /// The file, in the client's space.
    fileprivate let target: UInt64
    /// Bytes of the file. The last page is filled up with zeros.
    public let size: UInt64
    fileprivate let space: UInt32

    fileprivate init(_ resource: Resource) {
        number = resource.number
        source = resource.address
        target = resource.detail
        size = resource.size
        space = UInt32(truncatingIfNeeded: resource.slot)
    }

    /// The client of this number; nil if there is none.
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

/// A load of a client's from a page of its file that is not mapped.
public struct PageFault {
    public let client: PagedClient
    /// In pages from the file's start, inside of the file.
    public let page: UInt64

    /// Nil for a fault that no page can cure: a store, an execution, an address outside of the file, or a message of
    /// somebody else than the kernel.
    init?(_ answer: Answer) {
        // The badge of somebody who only calls the pager becomes a number that no client has.
        guard let client = PagedClient(number: answer.tag ^ Paging.faultBadge),
            Self.isLoad(ExitTag(bits: answer.words.w0)), answer.words.w1 >= client.target
        else { return nil }
        page = (answer.words.w1 - client.target) >> 12
        guard page << 12 < client.size else { return nil }
        self.client = client
    }

    /// A load from an address where nothing is mapped.
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

    /// The frames that the host tool's plan calls `name`. Without them the component stops, with a line that says so.
    public init(named name: StaticString) {
        guard let resource = Configuration.resource(.frames, named: name) else {
            log("this component pages nobody, and has no frames '\(name)' (key 'paged' of its clients)")
            fatalError("no such frames")
        }
        memory = resource.address
        extent = resource.slot
        firstMapping = UInt32(truncatingIfNeeded: resource.number)
        count = Int(truncatingIfNeeded: min(resource.detail, resource.size / Self.pageSize))
    }

    /// Copies the page that a client needs into a frame, which must be mapped nowhere: whoever has it mapped would read
    /// another one's bytes.
    public func fill(_ frame: Int, for fault: PageFault) {
        precondition(frame >= 0 && frame < count, "a pager has no such frame")
        // SAFETY: both pages are mapped: the frame is below `count`, and a fault lies inside of its file, which is
        // filled up to whole pages.
        unsafe Seam.copyPages(
            to: memory + UInt64(frame) << 12, from: fault.client.source + fault.page << 12, size: Self.pageSize)
    }

    /// Maps a frame where a client has faulted, for loads only. False if the client is gone, or its space can hold no
    /// more. A frame can be mapped in one place at a time.
    public func map(_ frame: Int, for fault: PageFault) -> Bool {
        precondition(frame >= 0 && frame < count, "a pager has no such frame")
        return invokeUntilDone(
            .map, Selector(slot: fault.client.space),
            Words(
                extent, fault.client.target + fault.page << 12, UInt64(frame) << 12, Self.pageSize,
                UInt64(Rights.read.rawValue), UInt64(mapping(frame)))
        ).status == .ok
    }

    /// Takes a frame out of the space where it is mapped, if it is: whoever had it there faults at the next access.
    public func unmap(_ frame: Int) {
        precondition(frame >= 0 && frame < count, "a pager has no such frame")
        revoke(mapping(frame), .delete)
    }

    private func mapping(_ frame: Int) -> UInt32 { firstMapping + UInt32(truncatingIfNeeded: frame) }
}

/// Answers the faults of a pager's clients.
public protocol FaultService {
    /// Brings the page in. False if it cannot: then the client stops, and its supervisor hears of it.
    mutating func provide(_ fault: PageFault) -> Bool
}

/// Serves the faults of this pager's clients, for good: on the board it does not return. A fault of any other kind than
/// `PageFault`, and a call of somebody who only `uses` this component, is refused.
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
