import ABI
import Testing

@testable import VirtualPlatform

/// The flash of a machine that starts from firmware, as its drivers use it: JESD68.01 and the datasheets of Intel's
/// chips. A driver writes each command to both chips at once.
@Suite struct FlashTests {
    private static let bank = MachineFlash.variables
    private static let ready: UInt64 = 0x0080_0080
    private var fixture = Fixture(hasFlash: true)

    private mutating func command(_ command: UInt64, at offset: UInt64 = 0) {
        fixture.store(Self.bank + offset, command << 16 | command)
    }

    private mutating func word(_ offset: UInt64) -> UInt64? { fixture.load(Self.bank + offset) }

    private mutating func program(_ offset: UInt64, _ value: UInt64) {
        command(0x40, at: offset)
        fixture.store(Self.bank + offset, value)
    }

    private mutating func erase(_ offset: UInt64) {
        command(0x20, at: offset)
        command(0xD0, at: offset)
    }

    /// Returns a byte of the query table, which both chips must give.
    private mutating func query(_ index: UInt64) -> UInt64? {
        guard let found = word(4 * index), found >> 16 == found & 0xFFFF else { return nil }
        return found & 0xFFFF
    }

    // MARK: The bank

    @Test mutating func onlyAMachineWithFirmwareHasFlash() {
        var other = Fixture()
        #expect(other.load(Self.bank) == nil && other.load(0) == nil)
        #expect(word(0) == 0 && word(MachineFlash.bankSize - 4) == 0xFFFF_FFFF)
    }

    /// The firmware lies in the first part of the first bank, which this device never sees.
    @Test mutating func theRestOfTheFirstBankIsErased() {
        fixture.store(0x40_0000, 0x0098_0098)
        #expect(fixture.load(0x40_0000) == 0xFFFF_FFFF && fixture.load(0x40_0004, size: 1) == 0xFF)
        #expect(fixture.load(Self.bank - 4, size: 8) == 0xFFFF_FFFF)
        fixture.store(Self.bank - 4, 0x0098_0098_0000_0000, size: 8)
        #expect(word(0x40) == 0)
    }

    @Test mutating func unalignedLoadsJoinWords() {
        (fixture.environment.flash.words[0], fixture.environment.flash.words[4]) = (0x4433_2211, 0x8877_6655)
        #expect(fixture.load(Self.bank + 1, size: 2) == 0x3322 && fixture.load(Self.bank + 3, size: 1) == 0x44)
        #expect(fixture.load(Self.bank + 2, size: 4) == 0x6655_4433)
        #expect(fixture.load(Self.bank, size: 8) == 0x8877_6655_4433_2211)
    }

    // MARK: Description

    @Test mutating func theQueryDescribesTwoChips() {
        command(0x98, at: 0x55 * 4)
        #expect((0x10...0x16).map { query($0) } == [0x51, 0x52, 0x59, 0x01, 0x00, 0x31, 0x00])
        let size = 1 << query(0x27)!
        let blocks = query(0x2D)! + query(0x2E)! << 8 + 1
        let block = (query(0x2F)! + query(0x30)! << 8) * 256
        #expect(query(0x2C) == 1 && 2 * size == Int(MachineFlash.bankSize) && 2 * block == MachineFlash.sectorSize)
        #expect(blocks * block == size)
        #expect(1 << query(0x2A)! == 2 * FlashGeometry.bufferCount && query(0x2B) == 0)
        #expect(query(0x28) == 1 && query(0x29) == 0)
        #expect((0x31...0x35).map { query($0) } == [0x50, 0x52, 0x49, 0x31, 0x30])
        #expect(query(0x0F) == 0 && query(0x40) == 0 && query(0x1_0010) == 0)
        command(0xFF)
        #expect(word(0x40) == 0)
    }

    @Test mutating func identificationSaysThatNoBlockIsLocked() {
        command(0x90)
        #expect(word(0) == 0x0089_0089 && word(4) == 0x0018_0018 && word(8) == 0)
        #expect(word(MachineFlash.sectorSize) == 0x0089_0089 && word(MachineFlash.sectorSize + 8) == 0)
    }

    // MARK: Programming and erasure

    @Test mutating func programmingClearsBitsOnly() {
        erase(0)
        program(8, 0x1234_5678)
        #expect(word(8) == Self.ready)
        command(0xFF)
        #expect(word(8) == 0x1234_5678 && word(4) == 0xFFFF_FFFF && word(12) == 0xFFFF_FFFF)
        command(0x10, at: 8)
        fixture.store(Self.bank + 8, 0xFFFF_0FFF)
        command(0xFF)
        #expect(word(8) == 0x1234_0678)
    }

    @Test mutating func erasureConcernsOneSector() {
        for offset in [0, MachineFlash.sectorSize - 4, MachineFlash.sectorSize, 2 * MachineFlash.sectorSize] {
            fixture.environment.flash.words[offset] = 1
        }
        erase(MachineFlash.sectorSize + 40)
        #expect(word(0) == Self.ready)
        command(0xFF)
        #expect(word(MachineFlash.sectorSize - 4) == 1 && word(MachineFlash.sectorSize) == 0xFFFF_FFFF)
        #expect(word(2 * MachineFlash.sectorSize - 4) == 0xFFFF_FFFF && word(2 * MachineFlash.sectorSize) == 1)
        #expect(fixture.environment.flash.changes == 1)
    }

    @Test mutating func anErasureWithoutConfirmationIsRefused() {
        command(0x20)
        #expect(word(0) == Self.ready)
        command(0x98)
        #expect(word(0) == 0x00B0_00B0 && fixture.environment.flash.changes == 0)
        command(0x50)
        #expect(word(0) == Self.ready)
    }

    @Test mutating func bufferedProgramming() {
        erase(0)
        command(0xE8)
        #expect(word(0) == Self.ready)
        command(2)
        for (offset, value) in [(0x100, 0x1111_AAAA), (0x108, 0x3333_CCCC), (0x104, 0x2222_BBBB)] as [(UInt64, UInt64)]
        {
            fixture.store(Self.bank + offset, value)
        }
        #expect(fixture.environment.flash.words[0x100] == .max)
        command(0xD0)
        #expect(word(0) == Self.ready)
        command(0xFF)
        #expect(word(0x100) == 0x1111_AAAA && word(0x104) == 0x2222_BBBB && word(0x108) == 0x3333_CCCC)
        #expect(word(0x10C) == 0xFFFF_FFFF && word(0xFC) == 0xFFFF_FFFF)
    }

    /// A buffer that was announced with more words than come keeps nothing of the buffer before.
    @Test mutating func aBufferBeginsErased() {
        for value in [0x0000_0000, 0xFFFF_0000] as [UInt64] {
            erase(0)
            command(0xE8)
            command(1)
            fixture.store(Self.bank, value)
            fixture.store(Self.bank, value)
            command(0xD0)
        }
        command(0xFF)
        #expect(word(0) == 0xFFFF_0000 && word(4) == 0xFFFF_FFFF)
    }

    @Test mutating func aFullBufferAndNoMore() {
        erase(0)
        command(0xE8)
        command(31)
        for index in 0..<32 { fixture.store(Self.bank + 4 * UInt64(index), UInt64(index)) }
        command(0xD0)
        command(0xFF)
        #expect((0..<32).allSatisfy { word(4 * UInt64($0)) == UInt64($0) })
        command(0xE8)
        command(32)
        #expect(word(0) == 0x00B0_00B0)
    }

    /// Words outside of the announced range, and a missing confirmation, leave the contents as they are.
    @Test(arguments: [(0, 0x108), (0, 0xFC), (0x90, 0)] as [(UInt64, UInt64)])
    mutating func aBufferThatIsRefused(confirmation: UInt64, second: UInt64) {
        command(0xE8)
        command(1)
        fixture.store(Self.bank + 0x100, 1)
        fixture.store(Self.bank + (second > 0 ? second : 0x104), 1)
        if confirmation > 0 { command(confirmation) }
        #expect(word(0) == 0x00B0_00B0 && fixture.environment.flash.changes == 0)
        command(0x98)
        #expect(query(0x10) == 0x51)
    }

    @Test mutating func locksAreAcceptedAndDoNothing() {
        for confirmation in [0x01, 0xD0] as [UInt64] {
            command(0x60)
            command(confirmation)
            #expect(word(0) == Self.ready)
        }
        program(0x20, 0)
        #expect(word(0) == Self.ready && fixture.environment.flash.changes == 2)
        command(0x60)
        command(0x2F)
        #expect(word(0) == 0x00B0_00B0)
    }

    // MARK: Limits

    /// The flash has memory for its first sectors only. It says so instead of losing what is programmed.
    @Test mutating func theRestOfTheBankCannotBeProgrammed() {
        let end = MachineFlash.storeSize
        erase(end)
        program(end, 0xFFFF_FFFF)
        #expect(word(end) == Self.ready)
        program(end, 0xFFFF_FFFE)
        #expect(word(end) == 0x0080_0090)
        program(end, 0x1234_FFFF)
        #expect(word(end) == 0x0090_0090)
        command(0x50)
        command(0xFF)
        #expect(word(end) == 0xFFFF_FFFF && fixture.environment.flash.changes == 0)
        program(end - 4, 0)
        #expect(word(end) == Self.ready && fixture.environment.flash.changes == 2)
    }

    // MARK: Two chips

    /// Each chip takes the commands of its own half of the bus.
    @Test mutating func theChipsAreIndependent() {
        fixture.environment.flash.words[0x40] = 0xABCD_1234
        fixture.store(Self.bank, 0x00FF_0098)
        #expect(word(0x40) == 0xABCD_0051)
        fixture.store(Self.bank, 0x0020_0098)
        #expect(word(0x40) == 0x0080_0051)
        fixture.store(Self.bank, 0x00D0_00FF)
        #expect(word(0x40) == 0x0080_1234)
        fixture.store(Self.bank, 0x00FF_00FF)
        #expect(word(0x40) == 0xFFFF_1234)
        fixture.store(Self.bank, 0x00FF_0020)
        fixture.store(Self.bank, 0x0020_00D0)
        fixture.store(Self.bank, 0x00D0_0040)
        fixture.store(Self.bank + 0x40, 0x00FF_EDCB)
        fixture.store(Self.bank, 0x00FF_00FF)
        #expect(word(0x40) == 0xFFFF_EDCB)
    }

    /// The last store of a pair begins another operation than the first.
    @Test mutating func aPairOfWordsIsTwoStores() {
        fixture.environment.flash.words[4] = .max
        fixture.store(Self.bank, 0x1234_5678_0040_0040, size: 8)
        command(0xFF)
        #expect(word(4) == 0x1234_5678)
        fixture.store(Self.bank + MachineFlash.bankSize - 4, 0x0098_0098_0070_0070, size: 8)
        #expect(word(0) == Self.ready)
    }

    /// U-Boot tries narrower buses first, and would take the bank for one chip.
    @Test(arguments: [(0, 2), (0, 1), (0x154, 2), (1, 4), (2, 4), (2, 8)] as [(UInt64, UInt64)])
    mutating func partsOfWordsAreIgnored(offset: UInt64, size: UInt64) {
        fixture.store(Self.bank + offset, 0x9898_9898_9898_9898, size: size)
        #expect(word(0x40) == 0)
    }

    // MARK: Loads without exits

    @Test mutating func theMachineReadsTheContentsWithoutExits() {
        #expect(!fixture.environment.flash.isShown)
        #expect(word(MachineFlash.storeSize) == 0xFFFF_FFFF && !fixture.environment.flash.isShown)
        #expect(word(0) == 0 && fixture.environment.flash.isShown)
        // Another virtual CPU may have left the machine before.
        #expect(word(0) == 0 && fixture.environment.flash.isShown)
        command(0xFF)
        #expect(fixture.environment.flash.isShown)
        fixture.store(Self.bank, 0x00FF_0070)
        #expect(!fixture.environment.flash.isShown && word(0) == 0x0000_0080)
        command(0xFF)
        #expect(!fixture.environment.flash.isShown && word(0) == 0 && fixture.environment.flash.isShown)
    }

    /// One store can hold a command and its data.
    @Test mutating func theContentsAreHiddenBeforeTheyChange() {
        fixture.environment.flash.words[4] = 0xFFFF_FFFF
        #expect(word(0) == 0 && fixture.environment.flash.isShown)
        fixture.store(Self.bank, 0x1234_5678_0040_0040, size: 8)
        #expect(!fixture.environment.flash.isShown && fixture.environment.flash.words[4] == 0x1234_5678)
    }

    @Test mutating func contentsThatCannotBeShownAreRead() {
        fixture.environment.flash.canShow = false
        #expect(word(0) == 0 && word(0) == 0)
        command(0x98)
        #expect(query(0x10) == 0x51)
    }

    @Test mutating func aResetShowsTheContents() {
        program(0, 0)
        command(0xE8)
        fixture.reset()
        #expect(word(0) == 0 && fixture.environment.flash.isShown)
        fixture.reset()
        command(0x98)
        #expect(!fixture.environment.flash.isShown && query(0x10) == 0x51)
    }
}
