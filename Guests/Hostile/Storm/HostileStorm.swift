import GuestHardware
import GuestSupport
import HostileSupport

/// Floods its own processor with interrupts: all software interrupts at once, nested as deep as priorities allow,
/// which is four times the number of list registers, and a timer that fires without pause. It prints how many of the
/// software interrupts never arrived.
@c(guest_main)
public func guestMain() {
    forever("storm") { _, random in
        var lost = 0
        for _ in 0..<2000 { lost += burst() }
        for _ in 0..<2000 { nest() }
        flood(&random)
        write("hostile: storm: lost ")
        write(decimal: UInt64(lost))
        write(", taken ")
        write(decimal: interrupts.count)
        endLine()
    }
}

private let none: UInt32 = 1020

private func send(_ number: UInt64) { guest_send_software_interrupt(number << 24 | 1) }

/// Sends all sixteen while masked, takes them by polling, and returns how many did not arrive.
private func burst() -> Int {
    for number in 0..<16 as Range<UInt64> { send(number) }
    var missing: UInt32 = 0xFFFF
    while true {
        let acknowledged = guest_acknowledge_interrupt()
        guard acknowledged < none else { return missing.nonzeroBitCount }
        if acknowledged < 16 { missing &= ~(1 << acknowledged) }
        guest_end_interrupt(acknowledged)
    }
}

/// Makes all sixteen active at once, each more urgent than the one before, and ends them in reverse. Another order is
/// unpredictable by IHI 0069, 4.8.1: the emulator's virtual interface then leaves some active for ever.
private func nest() {
    let priorities: UInt64 = 0x080A_0000 + 0x1_0400
    for number in 0..<16 as Range<UInt64> { guest_store8(priorities + number, UInt8(0x80 - 8 * number)) }
    var active: UInt64 = 0
    for number in 0..<16 as Range<UInt64> {
        send(number)
        let acknowledged = guest_acknowledge_interrupt()
        if acknowledged < 16 { active |= 1 << UInt64(acknowledged) }
    }
    for number in (0..<16 as Range<UInt64>).reversed() where active & 1 << number != 0 {
        guest_end_interrupt(UInt32(number))
    }
}

/// Takes interrupts by the vectors while it causes more, as fast as it can.
private func flood(_ random: inout Random) {
    let setPending: UInt64 = 0x080A_0000 + 0x1_0200
    guest_enable_interrupts()
    for _ in 0..<20_000 {
        send(random.next(below: 16))
        guest_start_timer(random.next(below: 3))
        if random.next(below: 8) == 0 { guest_store32(setPending, UInt32(truncatingIfNeeded: random.next())) }
    }
    guest_disable_interrupts()
    guest_stop_timer()
    // Takes the remaining interrupts, so that the next round starts without any.
    while true {
        let acknowledged = guest_acknowledge_interrupt()
        guard acknowledged < none else { return }
        guest_end_interrupt(acknowledged)
    }
}
