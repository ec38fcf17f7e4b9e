import GuestHardware
import GuestSupport
import DiskSupport

/// The second processor, which changes rings and descriptors while the device reads them, and notifies and resets it.
enum SecondProcessor {
    /// A word that is not 0 while the processor shall work: the seed of its changes. The word after it is 1 while the
    /// processor works.
    private static let order: UInt64 = 0x4070_0000
    private static let redistributor: UInt64 = InterruptController.redistributor + 0x2_0000
    private static var disk: VirtioDisk { VirtioDisk(slot: 0) }

    static func boot() {
        let cpuOn: UInt64 = 0xC400_0003
        guest_store64(order, 0)
        guest_store64(order + 8, 0)
        _ = guest_firmware_call(cpuOn, 1, guest_second_entry(), 0)
    }

    static func start(_ seed: UInt64) { guest_store64(order, seed | 1) }

    static func stop() {
        guest_store64(order, 0)
        while guest_load64(order + 8) != 0 { guest_spin_hint() }
    }

    /// Makes the timer's interrupt arrive again, whatever the registers of the controller hold.
    static func calm() { InterruptCalm.calm(redistributor) }

    static func run() -> Never {
        guest_enable_interrupt_interface()
        while true {
            let seed = guest_load64(order)
            guard seed != 0 else {
                guest_store64(order + 8, 0)
                Sleep.milliseconds(1)
                continue
            }
            guest_store64(order + 8, 1)
            // The order may have ended in between.
            guard guest_load64(order) != 0 else { continue }
            var random = Random(seed: seed)
            for _ in 0..<200 where guest_load64(order) != 0 { change(&random) }
        }
    }

    /// Changes a word of the rings, of an indirect table or of a header. Bytes of an address are changed as a whole,
    /// so that none becomes one of this program.
    private static func change(_ random: inout Random) {
        let entry = random.next(below: 2) == 0 ? disk.descriptors + 16 * random.next(below: 24) : disk.table(0)
        switch random.next(below: 10) {
        case 0: guest_store64(entry, Arena.address(&random))
        case 1: guest_store32(entry + 8, UInt32(truncatingIfNeeded: Arena.length(&random)))
        case 2: guest_store16(entry + 12, UInt16(random.next(below: 8)))
        case 3: guest_store16(entry + 14, UInt16(random.next(below: 32)))
        case 4: guest_store16(disk.driver + 2, UInt16(truncatingIfNeeded: random.next()))
        case 5: guest_store16(disk.driver + 4 + 2 * random.next(below: 16), UInt16(random.next(below: 32)))
        case 6: guest_store16(disk.device + 2, UInt16(truncatingIfNeeded: random.next()))
        case 7: guest_store64(disk.header(random.next(below: 4)) + 8, random.nextOfAnySize())
        case 8: guest_store32(disk.header(random.next(below: 4)), UInt32(random.next(below: 16)))
        default: storeRegister(&random)
        }
    }

    /// Notifies the device, and rarely resets it or stops its queue, while the first processor does the same.
    private static func storeRegister(_ random: inout Random) {
        switch random.next(below: 64) {
        case 0: guest_store32(disk.base + DiskRegister.status, 0)
        case 1: guest_store32(disk.base + DiskRegister.queueReady, 0)
        default:
            guest_store32(disk.base + DiskRegister.queueNotify, UInt32(truncatingIfNeeded: random.next(below: 4)))
        }
    }
}

@c(guest_second_main)
public func guestSecondMain() {
    SecondProcessor.run()
}

/// Repairs of the interrupt controller after random writes to its registers.
enum InterruptCalm {
    /// Disables and forgets all interrupts, and then enables the timer's.
    static func calm(_ redistributor: UInt64) {
        let frame = redistributor + 0x1_0000
        quieten(frame, 0)
        let waker = redistributor + 0x14
        guest_store32(waker, guest_load32(waker) & ~2)
        while guest_load32(waker) & 4 != 0 { guest_spin_hint() }
        guest_store32(frame + 0x80, ~0)
        guest_store32(frame + 0xD00, 0)
        for word in 0..<8 as Range<UInt64> { guest_store32(frame + 0x400 + 4 * word, 0xA0A0_A0A0) }
        guest_store32(frame + 0x100, 1 << InterruptController.timer)
    }

    static func calmDistributor() {
        for word in 1..<4 as Range<UInt64> { quieten(InterruptController.distributor, 4 * word) }
    }

    /// Clears the words of enabled, pending and active interrupts.
    private static func quieten(_ frame: UInt64, _ offset: UInt64) {
        for register in 0..<3 as Range<UInt64> { guest_store32(frame + 0x180 + 0x100 * register + offset, ~0) }
    }
}
