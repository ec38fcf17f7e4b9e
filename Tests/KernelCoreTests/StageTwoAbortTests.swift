import ABI
import Testing

@testable import KernelCore

/// The guest-physical address of an abort, and the aborts that may ring a doorbell.
@Suite struct StageTwoAbortTests {
    private let faultAddress: UInt64 = 0xFFFF_8000_1234_5678

    private func abort(_ syndrome: UInt64) -> StageTwoAbort {
        StageTwoAbort(syndrome: 0x24 << 26 | syndrome, faultAddress: faultAddress)
    }

    /// HPFAR_EL2 is UNKNOWN after a permission fault of the access itself.
    @Test func onlyPermissionFaultsOfTheAccessNeedATranslation() {
        for status in 0..<64 as Range<UInt64> {
            let isPermissionFault = (0x0C...0x0F).contains(status)
            #expect(abort(status).needsTranslation == isPermissionFault)
            #expect(abort(status | 1 << 24 | 1 << 6 | 31 << 16).needsTranslation == isPermissionFault)
            #expect(!abort(status | 1 << 7).needsTranslation, "the guest's own walk met it")
        }
    }

    @Test func thePageComesFromOneRegisterAndTheRestFromTheOther() {
        #expect(abort(4).address(pageRegister: 0x9_0000 << 4).value == 0x9000_0678)
        #expect(abort(4).address(pageRegister: 1 << 63 | 0xF).value == 0x678, "NS and RES0 bits do not count")
        #expect(abort(4).address(pageRegister: 0xFFF_FFFF_FFF0).value == 0xF_FFFF_FFFF_F678)
    }

    @Test func aTranslationGivesThePage() {
        // Attributes, shareability and the RES1 bit 11 surround the address.
        #expect(abort(0xF).address(translation: 0xFF00_0000_0A00_0B80)?.value == 0x0A00_0678)
        #expect(abort(0xF).address(translation: 0x000F_FFFF_FFFF_F000)?.value == 0xF_FFFF_FFFF_F678)
        #expect(abort(0xF).address(translation: 0) == GuestAddress(0x678))
        #expect(abort(0xF).address(translation: 0x0A00_0B81) == nil, "the tables have changed")
    }

    @Test func plainStoresToUnmappedAndReadOnlyMemoryMayRing() {
        for status in 0..<64 as Range<UInt64> {
            let tag = ExitTag(.memoryAccess, syndrome: 0x24 << 26 | 1 << 24 | 1 << 6 | status)
            #expect(tag.isPlainStore == ((4...7).contains(status) || (0xC...0xF).contains(status)))
            #expect(tag.isOfMapping == tag.isPlainStore)
            for bit in [24, 8, 7, 6] as [UInt64] {
                #expect(!ExitTag(.memoryAccess, syndrome: tag.syndrome ^ 1 << bit).isPlainStore)
            }
        }
    }
}
