import ABI
@_spi(Kernel) import Entente
import Supervision

// Reports the kernel's state of a tenant's virtual CPUs, for the command `machine NAME`.
extension Supervisor {
    /// Writes a line for each virtual CPU.
    /// - Returns: false if the tenant has none.
    func describeVirtualCPUs(of tenant: Int) -> Bool {
        let record = BootPlan.tenant(tenant)
        var number = 0
        for index in record.nodes where BootPlan.node(index).isVirtualCPU {
            describe(BootPlan.node(index), number, record.name)
            number += 1
        }
        return number != 0
    }

    private func describe(_ node: PlanNode, _ number: Int, _ name: InlineArray<32, UInt8>) {
        let virtualCPU = UInt32(node.slot)
        let status = contextControl(virtualCPU, .status).words.w0
        let state: StaticString = status == ContextStatus.stopped.rawValue ? "stopped" : "runs"
        let used = scheduleControl(UInt32(node.time), .timeUsed).words.w0 / (Clock.frequency / 1000)
        let names: InlineArray<8, StaticString> = [
            "hypercall", "wait", "register", "softwareInterrupt", "interrupt", "memory", "floatingPoint", "monitor",
        ]
        let console = Console()
        console.beginLine()
        console.write(
            text: "machine: \(name: name) cpu \(number) \(state), used \(used) ms, exits:")
        for counter in 0..<ExitCounter.count {
            let count = readRegister(virtualCPU, RegisterNumber.counters + UInt64(counter))
            console.write(text: " \(names[counter]) \(count)")
        }
        console.write("\n")
        console.flush()
    }
}
