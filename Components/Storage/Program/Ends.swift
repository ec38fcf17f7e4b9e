import BlockStorage
import Entente

// The ends of block connections, as the portable server wants them.

extension BlockServer: @retroactive BlockRequestSource {
    public mutating func takeRequest() -> (slot: BlockSlot, request: BlockRequest)? {
        nextRequest().map { ($0.slot, $0.request) }
    }
}

/// The connection to the driver. It is a class, because the server would copy a structure for each of its questions.
final class DriverEnd: BlockRequestSink {
    var client: BlockClient
    private var hasSubmitted = false
    /// The disk of the board of each slot whose request an earlier life has submitted, and the numbers of these slots.
    private var earlierDisk: [UInt16?]
    private var earlier = [Int](repeating: 0, count: BlockConnectionLayout.maximumDisks)
    /// The number of slots of earlier lives whose requests have no disk. They hold up all disks.
    private var unknown = 0

    init(_ client: BlockClient) {
        self.client = client
        earlierDisk = [UInt16?](repeating: nil, count: client.capacity)
        for number in earlierDisk.indices {
            guard let slot = client.slotInUse(number) else { continue }
            let disk = client.request(in: slot)?.disk ?? .max
            earlierDisk[number] = disk
            count(disk, 1)
        }
    }

    private func count(_ disk: UInt16, _ change: Int) {
        if Int(disk) < earlier.count { earlier[Int(disk)] += change } else { unknown += change }
    }

    var capacity: Int { client.capacity }
    var freeCount: Int { client.freeCount }

    func hasEarlierRequests(for boardDisk: Int) -> Bool { unknown > 0 || earlier[boardDisk] > 0 }

    func submit(_ request: BlockRequest) {
        guard client.submit(request) != nil else { fatalError("the driver has no free slot") }
        hasSubmitted = true
    }

    func takeAnswer() -> (cookie: UInt64, status: BlockStatus)? {
        while let answer = client.nextAnswer() {
            client.release(answer.slot)
            guard let disk = earlierDisk[answer.slot.number] else { return (answer.cookie, answer.status) }
            earlierDisk[answer.slot.number] = nil
            count(disk, -1)
        }
        return nil
    }

    func disksHaveChanged() -> Bool { client.disksHaveChanged() }
    func disk(_ number: Int) -> BlockDisk? { client.disk(number) }

    /// Wakes the driver if there are new requests for it.
    func notify() {
        if hasSubmitted { client.notify() }
        hasSubmitted = false
    }
}
