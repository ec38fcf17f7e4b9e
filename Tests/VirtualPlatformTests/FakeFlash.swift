import ABI

/// The contents of a machine's flash, which are zero at first.
struct FakeFlash: Equatable {
    /// The words that are not zero, by their offset.
    var words: [UInt64: UInt32] = [:]
    /// False if the machine cannot be given the contents.
    var canShow = true
    private(set) var isShown = false
    /// The changes of the contents that the device has made.
    private(set) var changes = 0

    mutating func set(_ offset: UInt64, _ value: UInt32) {
        check(offset)
        words[offset] = value
    }

    mutating func erase(_ sector: UInt64, _ lanes: UInt32) {
        check(sector)
        precondition(sector % MachineFlash.sectorSize == 0, "no sector begins there")
        for offset in stride(from: sector, to: sector + MachineFlash.sectorSize, by: 4) {
            words[offset] = (words[offset] ?? 0) | lanes
        }
    }

    mutating func show() -> Bool {
        precondition(!isShown, "the contents are shown twice")
        isShown = canShow
        return canShow
    }

    mutating func hide() {
        precondition(isShown, "the contents are hidden twice")
        isShown = false
    }

    private mutating func check(_ offset: UInt64) {
        precondition(offset % 4 == 0 && offset < MachineFlash.storeSize, "the offset lies outside of the store")
        precondition(!isShown, "the contents change while the machine reads them without an exit")
        changes += 1
    }
}
