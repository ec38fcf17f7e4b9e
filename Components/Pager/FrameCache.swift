import Entente

/// Remembers the client and the page of each frame. The frame that was filled first makes room first.
struct FrameCache: FaultService {
    private struct Frame {
        var client: UInt64
        var page: UInt64
        var isUsed: Bool
    }
    private let pages = PageFrames(named: "frames")
    private var frames = InlineArray<64, Frame>(repeating: Frame(client: 0, page: 0, isUsed: false))
    private let count: Int
    /// The frame that makes room next.
    private var oldest = 0

    init() { count = min(pages.count, Int(Paging.maximumFrames)) }

    /// Maps a page. Returns false if there is no frame, or if the client has died meanwhile.
    mutating func provide(_ fault: PageFault) -> Bool {
        guard count > 0 else { return false }
        // A restarted client has lost the mapping of a page that is still in its frame.
        if let index = holder(of: fault) { return map(index, fault) }
        let index = oldest
        oldest = (oldest + 1) % count
        frames[index].isUsed = false
        pages.unmap(index)
        pages.fill(index, for: fault)
        frames[index] = Frame(client: fault.client.number, page: fault.page, isUsed: true)
        return map(index, fault)
    }

    private func holder(of fault: PageFault) -> Int? {
        for index in 0..<count
        where frames[index].isUsed && frames[index].client == fault.client.number && frames[index].page == fault.page {
            return index
        }
        return nil
    }

    private mutating func map(_ index: Int, _ fault: PageFault) -> Bool {
        // The slot must be empty. If the client's space was destroyed, its mapping left the slot then, and this does
        // nothing.
        pages.unmap(index)
        if pages.map(index, for: fault) { return true }
        frames[index].isUsed = false
        return false
    }
}
