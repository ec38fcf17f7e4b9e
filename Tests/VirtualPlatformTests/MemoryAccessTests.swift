import ABI
import Testing

@testable import VirtualPlatform

@Suite struct MemoryAccessTests {
    /// Returns a data abort's syndrome of a load or store of `1 << sizeLog` bytes with a valid description.
    private func tag(
        sizeLog: UInt64, write: Bool = false, register: UInt64 = 3, signed: Bool = false, wide: Bool = true
    )
        -> ExitTag
    {
        let syndrome: UInt64 =
            0x24 << 26 | 1 << 24 | sizeLog << 22 | (signed ? 1 << 21 : 0) | register << 16 | (wide ? 1 << 15 : 0)
            | (write ? 1 << 6 : 0)
        return ExitTag(.memoryAccess, syndrome: syndrome)
    }

    @Test func storesCarryTheirBytesOnly() throws {
        let access = try #require(
            MemoryAccess(tag: tag(sizeLog: 1, write: true), address: 0x900_0000, value: 0x1234_5678))
        #expect(access.isWrite)
        #expect(access.size == 2)
        #expect(access.value == 0x5678)
        #expect(access.register == 3)
    }

    @Test func loadsExtendAsTheInstructionSays() throws {
        let unsigned = try #require(MemoryAccess(tag: tag(sizeLog: 0), address: 0, value: 0))
        #expect(unsigned.registerValue(0xFFFF_FF80) == 0x80)
        let narrow = try #require(MemoryAccess(tag: tag(sizeLog: 0, signed: true, wide: false), address: 0, value: 0))
        #expect(narrow.registerValue(0x80) == 0xFFFF_FF80)
        let wide = try #require(MemoryAccess(tag: tag(sizeLog: 2, signed: true), address: 0, value: 0))
        #expect(wide.registerValue(0x8000_0000) == 0xFFFF_FFFF_8000_0000)
        let whole = try #require(MemoryAccess(tag: tag(sizeLog: 3, signed: true), address: 0, value: 0))
        #expect(whole.registerValue(.max) == .max)
    }

    @Test func undescribedAccessesAreNotDecoded() {
        #expect(MemoryAccess(tag: ExitTag(.memoryAccess, syndrome: 0x24 << 26), address: 0, value: 0) == nil)
        #expect(MemoryAccess.isCacheMaintenance(ExitTag(.memoryAccess, syndrome: 0x24 << 26 | 1 << 8)))
        #expect(!MemoryAccess.isCacheMaintenance(tag(sizeLog: 0)))
    }
}
