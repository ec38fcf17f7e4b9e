import BlockStorage
import Entente

// The ends of block connections, as the portable server wants them.

extension BlockServer: @retroactive BlockRequestSource {
    public mutating func takeRequest() -> (slot: BlockSlot, request: BlockRequest)? {
        nextRequest().map { ($0.slot, $0.request) }
    }
}

/// The connection to the driver.
struct DriverEnd: BlockRequestSink {
    var client: BlockClient
    private var hasSubmitted = false

    init(_ client: BlockClient) { self.client = client }

    var freeCount: Int { client.freeCount }
    var isIdle: Bool { client.freeCount == client.capacity }

    mutating func submit(_ request: BlockRequest) {
        guard client.submit(request) != nil else { fatalError("the driver has no free slot") }
        hasSubmitted = true
    }

    mutating func takeAnswer() -> (cookie: UInt64, status: BlockStatus)? {
        guard let answer = client.nextAnswer() else { return nil }
        client.release(answer.slot)
        return (answer.cookie, answer.status)
    }

    func disk(_ number: Int) -> BlockDisk? { client.disk(number) }

    /// Wakes the driver if there are new requests for it.
    mutating func notify() {
        if hasSubmitted { client.notify() }
        hasSubmitted = false
    }
}
