import GuestHardware
import GuestSupport

/// One end of two shared regions, number 1 and 2: writes 7 into the first and rings; then whenever it is told of one of
/// them, it says what it finds there, puts that plus 1 behind it, and in the second region rings back.
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

private let firstInterrupt: UInt64 = 48

private func memory(_ number: UInt64) -> UInt64 { 0x2000_0000 + number << 24 }

private func ring(_ number: UInt64) { guest_store32(0x0B01_0000 + number << 12, 1) }

private func answer(_ number: UInt64) {
    // The component puts its sum behind the number.
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
