import GuestHardware
import GuestSupport

/// Prints the rows that need the test page; `exit.switch` needs SwitchGuest in a second machine as well.
@c(guest_main)
public func guestMain() {
    SerialPort.initialize()
    let page = TestPage()
    guest_enable_mmu()
    measure(page)
    write("bench: end")
    endLine()
}

private func measure(_ page: TestPage) {
    guard page.answersBare else { return }
    let bare = loadCost(of: TestPage.bare)
    report("exit.bare", tenths: bare)
    guard page.answersSwitch else { return }
    // A turn is an exit of this machine, one of the other, and two changes of machine.
    report("exit.switch", tenths: loadCost(of: TestPage.handOver) / 2 - bare)
}
