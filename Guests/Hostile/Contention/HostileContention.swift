import GuestHardware
import GuestSupport
import HostileSupport

/// Makes its monitor's threads compete for a lock. The second processor changes registers of the distributor
/// without pause; the first reads one a few times each millisecond. The first sleeps in between, so that other
/// tenants get its core.
@c(guest_main)
public func guestMain() {
    let cpuOn: UInt64 = 0xC400_0003
    SerialPort.initialize()
    InterruptController.initialize()
    _ = guest_firmware_call(cpuOn, 1, guest_second_entry(), 0)
    let millisecond = guest_counter_frequency() / 1000
    var round: UInt64 = 0
    while true {
        for _ in 0..<500 {
            guest_loop_load(5, pendingRegister)
            sleep(millisecond)
        }
        round += 1
        write("hostile: contention round ")
        write(decimal: round)
        endLine()
    }
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
