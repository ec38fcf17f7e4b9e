import SharedAccess

/// The accesses of one core.
final class CoreObserver: AccessObserver {
    unowned let interleaver: Interleaver
    let index: Int

    init(_ interleaver: Interleaver, _ index: Int) {
        self.interleaver = interleaver
        self.index = index
    }

    override func load(_ place: SharedLocation, _ order: LoadOrder) -> UInt64 { interleaver.load(index, place, order) }
    override func store(_ place: SharedLocation, _ value: UInt64, _ order: StoreOrder) {
        interleaver.store(index, place, value, order)
    }
    override func update(_ place: SharedLocation, _ order: UpdateOrder, _ change: (UInt64) -> UInt64?) -> UInt64 {
        interleaver.update(index, place, order, change)
    }
    override func order(_ barrier: Barrier) { interleaver.order(index, barrier) }
    override func relax() { _ = interleaver.wait(index, as: .spinning) }
    override func willZero(_ address: UInt, size: UInt) { interleaver.zero(index, address, size) }
    override func willOwn(_ place: SharedLocation) { interleaver.own(index, place) }
    override func beginWhole() { interleaver.beginWhole() }
    override func endWhole() { interleaver.endWhole() }
}
