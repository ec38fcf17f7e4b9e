import GuestHardware
import GuestSupport
import DiskSupport
import HostileSupport

/// Accesses to registers with random places, sizes and values.
enum RegisterAttack {
    /// Accesses the registers of virtio devices, those that the machine does not have included.
    static func disks(_ tally: inout Tally, _ random: inout Random, times: UInt64) {
        for _ in 0..<times {
            // Most accesses reach the device under attack, and few those behind the page.
            let slot = random.next(below: 3) == 0 ? random.next(below: 10) : 0
            // The second disk keeps the count of lives, and must never run with a queue made of rubbish.
            let register = 4 * random.next(below: random.next(below: 4) == 0 ? 128 : 44)
            let value = value(&random)
            if slot == 1, register == DiskRegister.queueReady { continue }
            tally.accesses += 1
            let address = 0x0A00_0000 + 0x200 * slot + register
            if random.next(below: 4) != 0 {
                attempt(address, value, size: 2, isStore: true, &random)
            } else {
                any(address, value, &random)
            }
        }
    }

    /// Accesses the registers of the interrupt controller, the serial port, the clock, the flash and the device for
    /// panics.
    static func others(_ tally: inout Tally, _ random: inout Random, times: UInt64) {
        for _ in 0..<times {
            tally.otherAccesses += 1
            let (base, length): (UInt64, UInt64)
            switch random.next(below: 8) {
            case 0: (base, length) = (0x0800_0000, 0x1_0000)
            case 1: (base, length) = (0x0800_0000, 0x1000)
            case 2: (base, length) = (0x080A_0000, 0x2_0000)
            case 3: (base, length) = (0x080C_0000, 0x2_0000)
            case 4: (base, length) = (0x0000_0000, 0x0800_0000)
            case 5: (base, length) = (0x0901_0000, 0x1000)
            case 6: (base, length) = (0x0B10_0000, 0x10)
            default: (base, length) = (0x0900_0000, 0x1000)
            }
            any(base + random.next(below: length), random.nextOfAnySize(), &random)
        }
    }

    /// Returns a value with a meaning in some register: a status, a size, an address or features.
    private static func value(_ random: inout Random) -> UInt64 {
        switch random.next(below: 6) {
        case 0: return random.next(below: 16)
        case 1: return 1 << random.next(below: 10)
        case 2: return 0
        case 3: return Arena.address(&random) & 0xFFFF_FFFF
        case 4: return 0x0F0B_0301 >> (8 * random.next(below: 4)) & 0xFF
        default: return Arena.spared(random.nextOfAnySize())
        }
    }

    /// Accesses the address, with any size. One access in eight is not aligned.
    private static func any(_ address: UInt64, _ value: UInt64, _ random: inout Random) {
        let size = random.next(below: 4)
        let isAligned = random.next(below: 8) != 0
        let address = isAligned ? address & ~((1 << size) - 1) : address + random.next(below: 8)
        attempt(address, value, size: size, isStore: random.next(below: 2) == 1, &random)
    }

    private static func attempt(
        _ address: UInt64, _ value: UInt64, size: UInt64, isStore: Bool, _ random: inout Random
    ) {
        guest_set_attempt_register(0, address)
        guest_set_attempt_register(1, value)
        Attempt.run(
            isStore ? 0x3900_0001 | UInt32(size) << 30 : 0x3940_0002 | UInt32(size) << 30,
            masked: random.next(below: 2) == 1)
    }
}
