import ABI
import Entente
import Supervision

// Reports a machine to root's console: the kernel's state of its virtual CPUs. `machine NAME` at root's console shows it.
extension Supervisor {
    /// Writes a line for each virtual CPU, at most four.
    func describeMachine(_ tenant: Int) {
        let record = BootTable.tenant(tenant)
        guard builder.tenants[tenant].isAlive else { return }
        for number in 0..<Int(min(record.machine.virtualCPUs, 8)) {
            rootConsole.use { console in
                console.beginLine()
                console.write("machine: ")
                console.write(record.name)
                console.write(" cpu ")
                console.write(decimal: UInt64(number))
                writeState(of: builder.tenants[tenant].virtualCPUs[number], console)
                writeTime(of: builder.tenants[tenant].virtualTimes[number], console)
                writeExits(of: builder.tenants[tenant].virtualCPUs[number], console)
                console.write("\n")
                console.flush()
            }
        }
    }

    private func writeState(of virtualCPU: UInt32, _ console: Console) {
        let isStopped = contextControl(virtualCPU, .status).words.w0 == ContextStatus.stopped.rawValue
        console.write(isStopped ? " stopped" : " runs")
    }

    private func writeTime(of scheduling: UInt32, _ console: Console) {
        let ticks = invoke(
            .scheduleControl, Selector(slot: scheduling, form: ScheduleControl.timeUsed.rawValue)
        ).words.w0
        console.write(", used ")
        console.write(decimal: ticks / (Clock.frequency / 1000))
        console.write(" ms, exits:")
    }

    private func writeExits(of virtualCPU: UInt32, _ console: Console) {
        let names: InlineArray<8, StaticString> = [
            " hypercall ", " wait ", " register ", " softwareInterrupt ", " interrupt ", " memory ", " floatingPoint ",
            " monitor ",
        ]
        for counter in 0..<ExitCounter.count {
            console.write(names[counter])
            console.write(decimal: readRegister(virtualCPU, RegisterNumber.counters + UInt64(counter)))
        }
    }
}
