/// The places of a virtqueue and of its requests in the memory that driver and device share (virtio 1.2, 2.7).
///
/// The driver accesses 64-bit words only. Both rings therefore begin 4 bytes behind a multiple of 8, so that their
/// entries lie inside of words: flags and index of a ring are the upper half of one word, a word holds four entries of
/// the available ring, and an element of the used ring is a word.
struct QueueLayout {
    /// The number of descriptors and of requests; a power of two from `minimum` to `maximum`.
    let count: Int
    static let minimum = 4, maximum = RequestSet.capacity

    @inline(__always) var mask: UInt16 { UInt16(truncatingIfNeeded: count &- 1) }

    /// The word with the available ring's flags and index in its upper half.
    @inline(__always) var availableHeader: Int { 16 &* count }
    /// The word with the available ring's entry `index`, and three others.
    @inline(__always) func availableWord(_ index: UInt16) -> Int {
        availableHeader &+ 8 &+ 2 &* Int(index & mask & ~3)
    }
    /// The word in which the driver names the used index at which the device shall interrupt.
    @inline(__always) var usedEvent: Int { availableHeader &+ 8 &+ 2 &* count }

    /// The word with the used ring's flags and index in its upper half. It begins a cache line, because the device
    /// writes to this ring.
    @inline(__always) var usedHeader: Int { (usedEvent &+ 8 &+ 63) & ~63 }
    @inline(__always) func usedElement(_ index: UInt16) -> Int { usedHeader &+ 8 &+ 8 &* Int(index & mask) }
    /// The word in which the device names the available index at which the driver shall notify it.
    @inline(__always) var availableEvent: Int { usedHeader &+ 8 &+ 8 &* count }

    private var requests: Int { (availableEvent &+ 8 &+ 127) & ~127 }
    /// The place of a request's header, status and descriptors (`RequestLayout`).
    @inline(__always) func request(_ tag: Int) -> Int { requests &+ RequestLayout.size &* tag }

    /// The size of all of it, in bytes.
    var size: Int { request(count) }

    /// Returns the largest layout that the device and the memory allow, or nil if not even the smallest fits.
    static func largest(deviceLimit: UInt32, memory: Int) -> QueueLayout? {
        var count = maximum
        while count >= minimum {
            let layout = QueueLayout(count: count)
            if count <= Int(deviceLimit), layout.size <= memory { return layout }
            count /= 2
        }
        return nil
    }
}

/// The places in the memory of one request, in bytes.
enum RequestLayout {
    static let header = 0, sector = 8
    /// The byte with the device's status.
    static let status = 16
    /// The range of a discard or of a write of zeros, or the identity that the device writes.
    static let payload = 24
    /// The three descriptors of the request: header, data, status.
    static let table = 64
    static let descriptors = 3
    static let size = 128
    static let identitySize = 20
}
