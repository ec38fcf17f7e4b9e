import GuestHardware
import GuestSupport

/// Registers that only a benchmark's own monitor provides, at a guest-physical address at which the platform has no
/// device.
struct TestPage {
    /// The monitor answers a read at once with a value other than 0.
    static let bare: UInt64 = 0x0B00_0000
    /// The monitor answers a read with a value other than 0, after another machine has run and read here in its turn.
    static let handOver: UInt64 = 0x0B00_0008

    let answersBare: Bool
    let answersSwitch: Bool

    /// Finds out which registers the monitor provides. The MMU must be off.
    init() {
        answersBare = TestPage.probe(TestPage.bare)
        answersSwitch = answersBare && TestPage.probe(TestPage.handOver)
    }

    private static func probe(_ address: UInt64) -> Bool { GuestSupport.probe(address).map { $0 != 0 } ?? false }
}
