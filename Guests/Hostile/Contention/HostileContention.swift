import GuestHardware
import GuestSupport
import HostileSupport

/// Makes its monitor's threads compete for the lock of the interrupt controller. The second processor changes registers
/// of the distributor without pause. The first reads from the serial port a few times each millisecond, and for a while
/// from the distributor. The first sleeps in between, so that other tenants get its core. It reports the longest time
/// that the accesses of a millisecond took, for each of the two.
@c(guest_main)
public func guestMain() {
    let cpuOn: UInt64 = 0xC400_0003
    SerialPort.initialize()
    InterruptController.initialize()
    _ = guest_firmware_call(cpuOn, 1, guest_second_entry(), 0)
    let millisecond = guest_counter_frequency() / 1000
    var round: UInt64 = 0
    while true {
        let serial = longestAccess(to: SerialPort.flags, milliseconds: 700)
        let distributor = longestAccess(to: pendingRegister, milliseconds: 100)
        round += 1
        write("hostile: contention round ")
        write(decimal: round)
        write(" serial ")
        write(decimal: serial * 1000 / millisecond)
        write(" us, distributor ")
        write(decimal: distributor * 1000 / millisecond)
        write(" us")
        endLine()
    }
}

/// Makes five loads from a register in each millisecond, and returns the longest time that five took, in ticks.
private func longestAccess(to register: UInt64, milliseconds: Int) -> UInt64 {
    var longest: UInt64 = 0
    for _ in 0..<milliseconds {
        let before = guest_counter()
        guest_loop_load(5, register)
        longest = max(longest, guest_counter() &- before)
        sleep(guest_counter_frequency() / 1000)
    }
    return longest
}

/// Sleeps with interrupts masked. A pending interrupt still ends WFI, and this function acknowledges it.
private func sleep(_ ticks: UInt64) {
    guest_start_timer(ticks)
    guest_wait_for_interrupt()
    let interrupt = guest_acknowledge_interrupt()
    guest_stop_timer()
    if interrupt < 1020 { guest_end_interrupt(interrupt) }
}

@c(guest_second_main)
public func guestSecondMain() {
    var priorities: UInt32 = 0
    while true {
        guest_store32(priorityRegister, priorities)
        priorities ^= 0x8080_8080
    }
}

/// GICD_ISPENDR1, for which the monitor asks the kernel, and GICD_IPRIORITYR8, for which the monitor calls the kernel
/// four times. It holds its lock meanwhile.
private let pendingRegister = InterruptController.distributor + 0x204
private let priorityRegister = InterruptController.distributor + 0x420
