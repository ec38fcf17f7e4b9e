import Entente
import ItemStore
import Marks

extension ServiceBench {
    /// Sends the same requests in batches of 1 to 256 through a ring.
    mutating func measureRings() {
        guard let ring = StoreRing(to: store, raising: .number(2)) else { return require(false, "make a ring") }
        let window = SharedRegion(named: "items").memory
        for kind in [StoreRequest.Kind.has, .get, .put] {
            var size = 1
            while size <= StoreRing.capacity {
                let batches = max(count / size, 4)
                // The first batch warms up.
                _ = run(ring, kind, size, batches: 1)
                mark_begin()
                let latency = run(ring, kind, size, batches: batches)
                mark_end()
                if kind == .get { require(window[0] != window[window.size - 8], "get items by the ring") }
                let tenths = latency * 10 / UInt64(batches)
                let name: LogText = kind == .has ? "has" : kind == .get ? "get" : "put"
                log("service: ring.\(name).\(size) \(batches * size) \(tenths)")
                size *= 2
            }
        }
    }

    /// Sends batches, and takes the answers of each before the next one.
    ///
    /// - Returns: the sum of the ticks from the first request of each batch to its first answer.
    private func run(_ ring: StoreRing, _ kind: StoreRequest.Kind, _ size: Int, batches: Int) -> UInt64 {
        var latency: UInt64 = 0
        do throws(RingError) {
            for _ in 0..<batches {
                let start = Clock.now
                for place in 0..<size {
                    let request = StoreRequest(kind, key: UInt64(place), place: UInt32(place))
                    require(try ring.send(request), "send a request")
                }
                require(try ring.waitForAnswer().error == nil, "get an answer")
                latency += Clock.now - start
                for _ in 1..<size { require(try ring.waitForAnswer().error == nil, "get an answer") }
            }
        } catch {
            require(false, "use the ring")
        }
        return latency
    }
}
