import ABI
import Entente
import Supervision

// Reports a tenant's virtual CPUs to root's console: the kernel's state of each. `machine NAME` there shows it.
extension Supervisor {
    /// Writes a line for each virtual CPU.
    /// - Returns: False: the tenant has none.
    func describeVirtualCPUs(of tenant: Int) -> Bool {
        let record = BootPlan.tenant(tenant)
        var number: UInt64 = 0
        for index in record.nodes where BootPlan.node(index).kind == UInt64(ObjectKind.virtualCPU.rawValue) {
            let node = BootPlan.node(index)
            rootConsole.report { console in
                console.write("machine: ")
                console.write(record.name)
                console.write(" cpu ")
                console.write(decimal: number)
                writeState(of: UInt32(node.slot), console)
                writeTime(of: UInt32(node.time), console)
                writeExits(of: UInt32(node.slot), console)
            }
            number += 1
        }
        return number != 0
    }

    private func writeState(of virtualCPU: UInt32, _ console: Console) {
        let isStopped = contextControl(virtualCPU, .status).words.w0 == ContextStatus.stopped.rawValue
        console.write(isStopped ? " stopped" : " runs")
    }

    private func writeTime(of scheduling: UInt32, _ console: Console) {
        let ticks = scheduleControl(scheduling, .timeUsed).words.w0
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
