/// A queue of bounded length, first in, first out.
struct BoundedQueue<Element> {
    private var elements: [Element?]
    private var head = 0
    private(set) var count = 0

    init(capacity: Int) { elements = [Element?](repeating: nil, count: capacity) }

    var room: Int { elements.count - count }

    /// Appends an element. The caller has checked that there is room.
    mutating func append(_ element: Element) {
        precondition(room > 0, "the queue is full")
        var place = head + count
        if place >= elements.count { place -= elements.count }
        elements[place] = element
        count += 1
    }

    mutating func removeFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = elements[head]
        elements[head] = nil
        head = head + 1 == elements.count ? 0 : head + 1
        count -= 1
        return element
    }
}
