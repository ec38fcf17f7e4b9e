/// The requests for which the device has no room, in the order in which they get it.
struct WaitingRequests {
    private var ids: [UInt16]
    private var head = 0
    private var count = 0

    /// - Parameter capacity: the number of requests, each of which waits at most once.
    init(capacity: Int) { ids = [UInt16](repeating: 0, count: capacity) }

    @inline(__always) var isEmpty: Bool { count == 0 }
    var first: Int? { count == 0 ? nil : Int(ids[head]) }

    mutating func append(_ id: Int) {
        precondition(count < ids.count, "a request waits twice")
        let place = head + count
        ids[place < ids.count ? place : place - ids.count] = UInt16(id)
        count += 1
    }

    mutating func removeFirst() {
        precondition(count > 0, "no request waits")
        head = head + 1 < ids.count ? head + 1 : 0
        count -= 1
    }
}
