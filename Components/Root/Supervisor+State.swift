import ABI
@_spi(Kernel) import Entente
import Supervision

// The answer to the command `state NAME`.
extension Supervisor {
    /// Writes a line for each execution context of a tenant, such as `state: debian cpu0 runs, used 1234 ms, exits: …`.
    func describe(_ tenant: Int) {
        let record = BootPlan.tenant(tenant)
        for index in record.nodes where BootPlan.node(index).time != 0 {
            describe(BootPlan.node(index), of: record.name)
        }
    }

    private func describe(_ node: PlanNode, of tenant: InlineArray<32, UInt8>) {
        let context = UInt32(node.slot)
        let isStopped = contextControl(context, .status).words.w0 == ContextStatus.stopped.rawValue
        let state: StaticString = isStopped ? "stopped" : "runs"
        let used = scheduleControl(UInt32(node.time), .timeUsed).words.w0 / (Clock.frequency / 1000)
        let console = Console()
        console.beginLine()
        console.write(text: "state: \(name: tenant) \(name: node.name) \(state), used \(used) ms")
        writeExits(of: context, to: console)
        console.write("\n")
        console.flush()
    }

    /// Writes the kernel's counters of a context. The kernel refuses to read them where it keeps none.
    private func writeExits(of context: UInt32, to console: Console) {
        var number = 0
        while let counter = ExitCounter(rawValue: number) {
            let read = Selector(slot: context, form: ContextState.read.rawValue)
            let answer = invoke(.contextState, read, Words(RegisterNumber.counters + UInt64(number), 1))
            guard answer.status == .ok else { return }
            let lead: StaticString = number == 0 ? ", exits: " : " "
            console.write(text: "\(lead)\(counter.name) \(answer.words.w2)")
            number += 1
        }
    }
}
