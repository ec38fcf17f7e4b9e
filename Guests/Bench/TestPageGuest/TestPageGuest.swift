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
    // While the other machine is absent, a turn is an exit, a switch to the other monitor, and a switch back.
    let absent = loadCost(of: TestPage.handOver)
    // Then a turn also includes an exit of the other machine and two changes of machine. The first loop outlasts the
    // absence.
    let present = loadCost(of: TestPage.handOver)
    report("exit.switch", tenths: (present - absent - bare) / 2)
}
