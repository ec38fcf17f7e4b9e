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

    private static func probe(_ address: UInt64) -> Bool {
        let code = guest_code_buffer()
        guest_store32(code, 0xB940_0000)  // ldr w0, [x0]
        guest_store32(code + 4, 0xD65F_03C0)  // ret
        guest_publish_code(code, 8)
        guest_set_attempt_register(0, address)
        let everythingMasked: UInt64 = 0xF << 6
        return guest_attempt(code, UInt64(UInt32.max >> 1), everythingMasked) == 0 && guest_attempt_result() != 0
    }
}
