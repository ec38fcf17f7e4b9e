import DiskSupport
import GuestHardware
import GuestSupport

/// The memory of rings and buffers. The device may write only there: an attack that makes it write elsewhere in RAM
/// would end this program, which proves nothing.
enum Arena {
    static let start = VirtioDisk.arena
    /// The end of the machine's RAM of 16 MiB.
    static let end: UInt64 = 0x4100_0000

    /// Returns the number, changed if it could be an address of this program.
    static func spared(_ value: UInt64) -> UInt64 {
        (0x4000_0000..<start).contains(value & 0xFFFF_FFFF) ? value + 0x80_0000 : value
    }

    static func place(_ random: inout Random) -> UInt64 { start + random.next(below: end - start) }

    /// Returns an address that is rarely what a device expects.
    static func address(_ random: inout Random) -> UInt64 {
        let near = random.next(below: 0x2000)
        switch random.next(below: 12) {
        case 0, 1: return place(&random) & ~15
        case 2: return place(&random)
        case 3: return end - near & ~15
        case 4: return end - near
        case 5: return end + near
        case 6: return 0x4000_0000 - near
        case 7: return 0x0A00_0000 + near
        case 8: return 0 &- near
        case 9: return 0x0800_0000 + near
        case 10: return spared(random.next())
        default: return spared(random.nextOfAnySize())
        }
    }

    /// Returns a length that is rarely what a device expects.
    static func length(_ random: inout Random) -> UInt64 {
        switch random.next(below: 6) {
        case 0: return 0
        case 1: return 1 + random.next(below: 600)
        case 2: return 512 * random.next(below: 64)
        case 3: return 0xFFFF_FFFF - random.next(below: 64)
        case 4: return 1 << random.next(below: 32)
        default: return random.nextOfAnySize()
        }
    }
}
