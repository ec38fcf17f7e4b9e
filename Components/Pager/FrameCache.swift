import ABI
import Entente
import RuntimeSupport

/// The pager's frames: which page of which client each holds. First in, first out.
struct FrameCache {
    private struct Frame {
        var client: UInt64
        var page: UInt64
        var isUsed: Bool
    }
    private var frames = InlineArray<64, Frame>(repeating: Frame(client: 0, page: 0, isUsed: false))
    private let count: Int
    /// The frame that makes room next.
    private var oldest = 0

    init(frames: UInt64) { count = Int(min(frames, Paging.maximumFrames)) }

    /// Brings a page in. False if there is no frame, or the client has gone meanwhile.
    mutating func provide(_ fault: PageFault) -> Bool {
        guard count > 0 else { return false }
        // A client that was restarted has lost the mapping of a page that is here.
        if let index = holder(of: fault) { return map(index, fault) }
        let index = oldest
        oldest = (oldest + 1) % count
        release(index)
        entente_copy_blocks(
            address(index), Paging.files + fault.client * Paging.fileStride + fault.page << 12, FrameCache.pageSize)
        frames[index] = Frame(client: fault.client, page: fault.page, isUsed: true)
        return map(index, fault)
    }

    private static let pageSize: UInt64 = 4096

    private func address(_ index: Int) -> UInt64 { ComponentLayout.heap + UInt64(index) << 12 }
    private func slot(_ index: Int) -> UInt32 { InitialSlot.firstFrameMapping + UInt32(index) }

    private func holder(of fault: PageFault) -> Int? {
        for index in 0..<count
        where frames[index].isUsed && frames[index].client == fault.client && frames[index].page == fault.page {
            return index
        }
        return nil
    }

    /// The frame is nobody's: whoever had it mapped faults at the next access.
    private mutating func release(_ index: Int) {
        frames[index].isUsed = false
        revoke(slot(index), .delete)
    }

    private mutating func map(_ index: Int, _ fault: PageFault) -> Bool {
        // What is left of a mapping in a space that is gone makes room by itself; one that is there must go first.
        revoke(slot(index), .delete)
        let status = invokeUntilDone(
            .map, Selector(slot: InitialSlot.firstPagedSpace + UInt32(fault.client)),
            Words(
                UInt64(InitialSlot.frames), Paging.file + fault.page << 12, UInt64(index) << 12, FrameCache.pageSize,
                UInt64(Rights.read.rawValue), UInt64(slot(index)))
        ).status
        if status == .ok { return true }
        frames[index].isUsed = false
        return false
    }
}
