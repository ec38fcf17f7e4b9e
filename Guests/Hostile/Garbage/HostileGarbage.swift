import GuestHardware
import GuestSupport
import HostileSupport

/// Executes garbage. After some rounds the exception vectors are garbage as well, and the program never returns.
/// Until then it omits the words that would prevent a return; `HostileRegisters` writes all registers, one at a time.
@c(guest_main)
public func guestMain() {
    let roundsWithVectors: UInt64 = 20
    forever("garbage") { number, random in
        if number == roundsWithVectors { leaveForGood(&random) }
        for _ in 0..<20 {
            fillBuffer(&random)
            for _ in 0..<500 {
                Attempt.setRegisters(&random)
                Attempt.run(at: nextEntry(&random))
            }
        }
    }
}

private func nextEntry(_ random: inout Random) -> UInt64 {
    guest_code_buffer() + 4 * random.next(below: UInt64(GUEST_CODE_SIZE / 4))
}

private func leaveForGood(_ random: inout Random) {
    write("hostile: garbage: from here on the exception vectors are garbage as well")
    endLine()
    fillBuffer(&random, sparing: false)
    guest_set_vectors(guest_code_buffer())
    Attempt.setRegisters(&random)
    guest_jump(nextEntry(&random))
}

private func fillBuffer(_ random: inout Random, sparing: Bool = true) {
    let code = guest_code_buffer()
    for offset in stride(from: 0 as UInt64, to: UInt64(GUEST_CODE_SIZE), by: 4) {
        var word = nextInstruction(&random)
        while sparing && cutsTheWayBack(word) { word = nextInstruction(&random) }
        guest_store32(code + offset, word)
    }
    guest_publish_code(code, UInt64(GUEST_CODE_SIZE))
}

/// Returns whether the word writes a register that an attempt needs in order to end: the vectors, the MMU control,
/// and the registers on the path of the timer's interrupt.
private func cutsTheWayBack(_ word: UInt32) -> Bool {
    switch word & 0xFFFF_FFE0 {
    case 0xD518_1000, 0xD518_C000: true  // SCTLR_EL1, VBAR_EL1
    case 0xD51B_4220, 0xD518_4600, 0xD518_CCE0: true  // DAIF, ICC_PMR_EL1, ICC_IGRPEN1_EL1
    case 0xD51B_E300, 0xD51B_E320, 0xD51B_E340: true  // CNTV_TVAL_EL0, CNTV_CTL_EL0, CNTV_CVAL_EL0
    default: word & 0xFFFF_F2FF == 0xD503_42DF  // DAIFSet with the I bit
    }
}

/// Returns a random word, which is more often than by chance an instruction with consequences.
private func nextInstruction(_ random: inout Random) -> UInt32 {
    let word = UInt32(truncatingIfNeeded: random.next())
    switch random.next(below: 16) {
    case 0, 1: return 0xD500_0000 | word & 0x3F_FFFF  // system registers and instructions
    case 2, 3: return 0x3800_0000 | word & 0xC7FF_FFFF  // loads and stores
    case 4: return 0xD400_0000 | word & 0x1F_FFE3  // SVC, HVC, SMC, BRK
    case 5: return 0x1400_0000 | word & 0x3F  // short branches forwards
    case 6: return 0x17FF_FFC0 | word & 0x3F  // short branches backwards
    case 7: return word & 0xFF == 0 ? 0xD69F_03E0 : 0x0800_0000 | word & 0xC0FF_FFFF  // ERET; exclusives
    default: return word
    }
}
