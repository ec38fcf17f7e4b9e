import Foundation
import SystemImage
import Testing

@testable import Tool

@Suite struct FileSavingTests {
    private let start = ContinuousClock.now

    private func keys(_ saving: inout FileSaving) -> String {
        var keys: [UInt8] = []
        while let key = saving.nextKey() { keys.append(key) }
        return String(decoding: keys, as: UTF8.self)
    }

    private func hear(_ saving: inout FileSaving, _ text: String, after seconds: Int = 0) {
        saving.heard(Array(text.utf8), now: start + .seconds(seconds))
    }

    /// Linux may print its answers in any pieces, among the output of programs.
    @Test(arguments: [1, 7, 1000]) func linuxWritesItsFiles(piece: Int) {
        var saving = FileSaving(now: start)
        #expect(keys(&saving) == "7")
        for text in [
            "~# [   10.1] sysrq: Changing Loglevel\r\n[   10.2] sysrq: Loglevel set to 7\r\n",
            "[   10.3] sysrq: Emergency Remount R/O\r\nsome output\r\n", "[   10.9] Emergency Remount complete\r\n",
        ] {
            #expect(saving.outcome == nil)
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                saving.heard(Array(rest.prefix(piece)), now: start)
                rest = rest.dropFirst(piece)
            }
            if text.contains("Loglevel") { #expect(keys(&saving) == "u") }
        }
        #expect(saving.outcome == .saved && keys(&saving) == "")
        #expect(saving.outcome?.warning(about: "web") == nil)
    }

    @Test func aMachineWithoutLinuxIsGivenUp() {
        var saving = FileSaving(now: start)
        _ = keys(&saving)
        #expect(saving.untilNext(now: start) == FileSaving.answerTime)
        hear(&saving, "=> 7: unknown command\r\n")
        saving.pass(now: start + FileSaving.answerTime - .milliseconds(1))
        #expect(keys(&saving) == "")
        saving.pass(now: start + FileSaving.answerTime)
        #expect(keys(&saving) == "u" && saving.outcome == nil)
        saving.pass(now: start + FileSaving.answerTime * 2)
        #expect(saving.outcome == .silent)
        #expect(saving.outcome?.warning(about: "web")?.contains("'web'") == true)
    }

    @Test func theMachinesSettingsAreRespected() {
        var saving = FileSaving(now: start)
        hear(&saving, "sysrq: This sysrq operation is disabled.\r\n")
        // The first refusal does not count for the second key.
        #expect(keys(&saving) == "u" && saving.outcome == nil)
        hear(&saving, "sysrq: This sysrq operation is disabled.\r\n")
        #expect(saving.outcome == .forbidden)
    }

    /// If the report of the end cannot be seen, a fixed time passes. A report that could be seen gets more time.
    @Test func aMissingReportIsWaitedFor() {
        for (isVisible, time, outcome) in [
            (false, FileSaving.hiddenWritingTime, FileSaving.Outcome.saved), (true, FileSaving.writingTime, .slow),
        ] {
            var saving = FileSaving(now: start)
            hear(&saving, isVisible ? "sysrq: Loglevel set to 7\r\n" : "sysrq: This sysrq operation is disabled.\r\n")
            hear(&saving, "sysrq: Emergency Remount R/O\r\n", after: 1)
            saving.pass(now: start + .seconds(1) + time - .milliseconds(1))
            #expect(saving.outcome == nil)
            saving.pass(now: start + .seconds(1) + time)
            #expect(saving.outcome == outcome)
        }
    }

    /// A machine that is off, or that cannot be a Linux with a disk of its own, delays the end of a run by nothing.
    @Test func onlyMachinesThatCanAnswerAreAsked() {
        for line in [
            "[    9.1] reboot: Power down", "entente: machine web is off\r", "entente: machine web cannot start",
        ] {
            #expect(FileSaving.isEnd(line), "\(line)")
        }
        for line in [
            "entente: machine web is offline", "~# entente: machine web is off", "entente: machine web restarts",
        ] {
            #expect(!FileSaving.isEnd(line), "\(line)")
        }
        var machine = MachineDescription(name: "web")
        #expect(!machine.mayHaveUnwrittenFiles)
        machine.disks = [DiskDescription(name: "root")]
        #expect(machine.mayHaveUnwrittenFiles)
        let kernel = URL(fileURLWithPath: "/kernel")
        for (guest, may) in [
            (.target("HostileDisks"), false), (.firmware(.edk2), true), (.debian(flavour: .cloud), true),
            (.files(kernel: kernel, initrd: nil, format: .flat), false),
            (.files(kernel: kernel, initrd: nil, format: .auto), true),
        ] as [(GuestSource, Bool)] {
            machine.guest = guest
            #expect(machine.mayHaveUnwrittenFiles == may, "\(guest)")
        }
        machine.guest = .firmware(.edk2)
        machine.disks[0].isReadOnly = true
        #expect(!machine.mayHaveUnwrittenFiles)
    }
}
