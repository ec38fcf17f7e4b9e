import GuestHardware
import GuestSupport

/// Plays one end of two shared regions, number 1 and 2. It writes 7 into the first region and rings. Whenever it
/// receives an event of one of them, it prints the number that it finds there, and stores that number plus 1 behind
/// it; in the second region it also rings back.
@c(guest_main)
public func guestMain() {
    SerialPort.initialize()
    guest_enable_mmu()
    InterruptController.initialize()
    for number in 1...2 as ClosedRange<UInt64> { InterruptController.enableShared(firstInterrupt + number) }
    guest_enable_interrupts()
    guest_store32(memory(1), 7)
    ring(1)
    while true {
        interrupts.sleep { $0.has(UInt32(firstInterrupt + 1)) || $0.has(UInt32(firstInterrupt + 2)) }
        let isSecond = interrupts.has(UInt32(firstInterrupt + 2))
        interrupts.clear()
        answer(isSecond ? 2 : 1)
    }
}

private let firstInterrupt: UInt64 = 80

private func memory(_ number: UInt64) -> UInt64 { 0x2000_0000 + number << 24 }

private func ring(_ number: UInt64) { guest_store32(0x0B01_0000 + number << 12, 1) }

private func answer(_ number: UInt64) {
    // The component stores its sum behind the number.
    let found = guest_load32(memory(number) + (number == 1 ? 8 : 0))
    write("region ")
    write(decimal: number)
    write(": ")
    write(decimal: UInt64(found))
    endLine()
    guard number == 2 else { return }
    guest_store32(memory(number) + 8, found + 1)
    ring(number)
}
