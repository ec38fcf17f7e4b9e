import ABI
import VirtualPlatform

// The data of a chain, which lies in several pieces of the guest's memory.
extension BlockBackend {
    /// Calls `body` with the pieces of a chain's data from a place on, as ranges of guest memory and the place of each
    /// in the bytes that are asked for. Returns the place behind them.
    ///
    /// It belongs to the backend, because the compiler would copy the whole table for each call of a function of it
    /// whose body does something that the compiler does not see.
    /// - Parameter length: the number of bytes, as many as the chain's buffers have from there on at most.
    @inline(__always) @discardableResult
    func forEachPiece(
        of number: Int, from place: BufferPlace, length: UInt64, _ body: (GuestRange, UInt64) -> Void
    ) -> BufferPlace {
        let end = table.chains[number].count
        var place = place
        var done: UInt64 = 0
        while done < length, place.buffer < end {
            let range = table.buffer(Int(place.buffer), of: number)
            let rest = range.size &- UInt64(place.offset)
            let size = min(rest, length &- done)
            body(range.part(at: UInt64(place.offset), size: size), done)
            done &+= size
            if size == rest {
                place = BufferPlace(buffer: place.buffer &+ 1)
            } else {
                place.offset &+= UInt32(truncatingIfNeeded: size)
            }
        }
        return place
    }
}
