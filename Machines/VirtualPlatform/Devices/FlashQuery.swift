/// The sizes of a flash chip in words of 16 bits.
enum FlashGeometry {
    static let bufferCount = 32
    /// A block is erased as a whole.
    static let blockWords: UInt64 = 1 << 16
    static let wordCount: UInt64 = blockWords * 256
}

/// The texts in which a flash chip describes itself: its identification, and the table of the common flash interface
/// (CFI, JESD68.01, with the extension of Intel's command set, JEP137).
enum FlashQuery {
    /// Returns a word of the chip's identification, which repeats in each block. Words 0 and 1 are manufacturer and
    /// device, as QEMU's board has them. Word 2 says that the block is not locked.
    static func identification(_ word: UInt64) -> UInt16 {
        switch word & 0xFF {
        case 0: 0x89
        case 1: 0x18
        default: 0
        }
    }

    /// Returns a byte of the query table. The table has one byte in each word, and zeros where it says nothing.
    static func byte(_ word: UInt64) -> UInt16 {
        switch word {
        case 0x10...0x12: letter(of: (0x51, 0x52, 0x59), word &- 0x10)  // "QRY"
        case 0x13: 0x01  // The primary command set: Intel's, extended.
        case 0x15: 0x31  // The place of its own table.
        case 0x1B: 0x45  // The supply voltage in steps of 100 mV, at least and at most.
        case 0x1C: 0x55
        // The usual time as a power of two: of a word and of a buffer in microseconds, of a block in milliseconds.
        case 0x1F, 0x20: 0x07
        case 0x21: 0x0A
        case 0x23...0x25: 0x04  // The longest time as a multiple of the usual one, as a power of two.
        case 0x27: power(of: FlashGeometry.wordCount &* 2)
        case 0x28: 0x01  // The data lines: 16.
        case 0x2A: power(of: UInt64(FlashGeometry.bufferCount) &* 2)
        case 0x2C: 0x01  // The number of regions with blocks of one size.
        case 0x2D: lowByte(blockCount &- 1)
        case 0x2E: lowByte((blockCount &- 1) >> 8)
        case 0x2F: lowByte(blockSize >> 8)
        case 0x30: lowByte(blockSize >> 16)
        case 0x31...0x33: letter(of: (0x50, 0x52, 0x49), word &- 0x31)  // "PRI"
        case 0x34: 0x31  // Version "1.0". The words behind it are 0: no suspension, no locks.
        case 0x35: 0x30
        case 0x3F: 0x01  // The number of descriptions of protected registers; old drivers of Linux expect one.
        default: 0
        }
    }

    private static var blockCount: UInt64 { FlashGeometry.wordCount / FlashGeometry.blockWords }

    /// The size of a block in bytes, of which the table gives 16 bits in units of 256.
    private static var blockSize: UInt64 { FlashGeometry.blockWords &* 2 }

    private static func power(of size: UInt64) -> UInt16 { UInt16(truncatingIfNeeded: size.trailingZeroBitCount) }

    private static func lowByte(_ value: UInt64) -> UInt16 { UInt16(truncatingIfNeeded: value & 0xFF) }

    /// Returns one of three letters.
    private static func letter(of letters: (UInt16, UInt16, UInt16), _ index: UInt64) -> UInt16 {
        index == 0 ? letters.0 : index == 1 ? letters.1 : letters.2
    }
}
