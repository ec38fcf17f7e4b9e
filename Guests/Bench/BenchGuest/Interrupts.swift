import GuestHardware
import GuestSupport

/// Interrupts that the guest causes itself.
///
/// The measurement has the shape of kvm-unit-tests' micro-benchmarks, so that rows can be compared. The handler's
/// entry saves the whole integer state, dispatches, acknowledges, sets a flag and ends the interrupt; the program
/// spins on the flag. A software interrupt is sent to a set of 512 processors, which is cleared byte by byte and
/// walked each time. On a bare board the rows are 429, 94 and 103 instructions, all of them this program's own (its
/// handler is shorter than theirs: 519, 145 and 134). The instructions that a machine adds are the price of
/// virtualisation. `interrupt.wfi` needs virtual time that jumps while the processor sleeps (`-icount
/// shift=0,sleep=off`); otherwise the figure contains time of the host.
enum Interrupts {
    static func measure() {
        report("interrupt.self-ipi", tenths: softwareInterrupt(turns: 10_000))
        report("interrupt.timer", tenths: timer { interrupts.spin(for: InterruptController.timer) })
        report("interrupt.wfi", tenths: timer { interrupts.sleep { $0.has(InterruptController.timer) } })
    }

    private static func softwareInterrupt(turns: UInt64) -> Int64 {
        func loop() {
            for _ in 0..<turns {
                interrupts.clear()
                sendSoftwareInterrupt(1, toProcessor: 0)
                interrupts.spin(for: 1)
            }
        }
        return difference(turns, loop) { guest_loop_empty(turns) }
    }

    /// Measures the way from a deadline of the virtual timer to the program, and the setting of the next deadline.
    ///
    /// The counter has ticks of 16 instructions, and deadlines fall on ticks. To resolve single instructions, the
    /// start of each turn is delayed by 0…15 more. Over a multiple of 16 turns the rounding errors add up to nothing.
    private static func timer(_ wait: () -> Void) -> Int64 {
        let turns: UInt64 = 1024
        let interval: UInt64 = 1250
        func loop() {
            for turn in 0..<turns {
                guest_delay(turn & 15)
                interrupts.clear()
                guest_start_timer(interval)
                wait()
            }
        }
        func delays() {
            for turn in 0..<turns { guest_delay(turn & 15) }
        }
        let waiting = turns * interval * Stopwatch.tenthsPerTick
        return difference(turns, loop, baseline: delays) - Int64(waiting / turns)
    }
}
