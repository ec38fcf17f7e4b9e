import GuestHardware
import GuestSupport

/// Performs random operations on the interrupt controller and the timers, with interrupts masked. It prints a line
/// for each fifty, with a hash of all visible state after each. The same program prints the same on the bare
/// emulator. No two interrupts have the same priority, because the architecture leaves their order open.
@c(guest_main)
public func guestMain() {
    SerialPort.initialize()
    var run = InterruptRun()
    write("interrupts: begin")
    endLine()
    for _ in 0..<80 {
        for _ in 0..<50 { run.step() }
        run.report()
    }
    write("interrupts: end")
    endLine()
}

struct InterruptRun {
    private var random = Random(seed: 16)
    private var digest: UInt64 = 0
    private var taken: UInt64 = 0
    /// The interrupts that were taken and not ended, the last one last.
    private var active = InlineArray<8, UInt32>(repeating: 0)
    private var depth = 0

    private static let distributor = InterruptController.distributor
    private static let privates = InterruptController.redistributor + 0x1_0000
    /// The software interrupts 0…3 and the timers' interrupts, and edge-triggered shared ones.
    private static let privateMask: UInt64 = 0x4800_000F
    private static let sharedMask: UInt64 = 0xF00

    init() {
        InterruptController.initialize()
        guest_store32(Self.privates + 0x180, ~0)
        for number in 0..<4 as Range<UInt64> {
            guest_store8(Self.privates + 0x400 + number, UInt8(truncatingIfNeeded: 0x80 - 16 * number))
            InterruptController.enableShared(40 + number)
            guest_store8(Self.distributor + 0x428 + number, UInt8(truncatingIfNeeded: 0x88 - 16 * number))
        }
        guest_store8(Self.privates + 0x400 + 27, 0x48)
        guest_store8(Self.privates + 0x400 + 30, 0x98)
    }

    mutating func step() {
        let bits = random.next()
        switch random.next(below: 14) {
        case 0: guest_set_timer(bits & 3 == 2 ? 1 : bits & 3)
        case 1: set(Self.privates + 0x100, bits & Self.privateMask)
        case 2: set(Self.privates + 0x180, bits & bits >> 8 & Self.privateMask)
        case 3: set(Self.privates + 0x200, bits & bits >> 16 & Self.privateMask)
        case 4: set(Self.privates + 0x280, bits & Self.privateMask)
        case 5: set(Self.distributor + (bits >> 32 & 3 == 0 ? 0x284 : 0x204), bits & Self.sharedMask)
        case 6: set(Self.distributor + (bits >> 32 & 1 == 0 ? 0x104 : 0x184), bits & Self.sharedMask)
        case 7: set(Self.distributor, bits & 7 == 0 ? 0x10 : 0x12)
        case 8: guest_set_physical_timer(bits & 3 == 2 ? 1 : bits & 3)
        case 9: guest_set_priority_mask(bits & 3 == 0 ? bits >> 8 & 0xF8 : 0xF8)
        case 10, 11: take()
        default: end()
        }
        look()
    }

    private func set(_ register: UInt64, _ value: UInt64) { guest_store32(register, UInt32(truncatingIfNeeded: value)) }

    private mutating func take() {
        guard depth < 4 else { return end() }
        let number = guest_acknowledge_interrupt()
        mix(UInt64(number))
        guard number < 1020 else { return }
        active[depth] = number
        depth += 1
        taken += 1
    }

    private mutating func end() {
        guard depth > 0 else { return }
        depth -= 1
        guest_end_interrupt(active[depth])
    }

    /// Mixes in the visible state. The first access leaves the machine; only then can the machine learn that its
    /// timer's line is low again.
    private mutating func look() {
        mix(UInt64(guest_load32(Self.privates + 0x200)))
        mix(UInt64(guest_load32(Self.privates + 0x300)))
        mix(UInt64(guest_load32(Self.privates + 0x100)))
        mix(UInt64(guest_load32(Self.distributor + 0x204)))
        mix(UInt64(guest_load32(Self.distributor + 0x304)))
        mix(guest_interrupt_status())
    }

    private mutating func mix(_ value: UInt64) {
        digest = (digest ^ value) &* 0x9E37_79B9_7F4A_7C15
        digest ^= digest >> 29
    }

    func report() {
        write("interrupts: ")
        write(decimal: taken)
        write(" taken ")
        write(decimal: digest)
        endLine()
    }
}
