import ABI
@_spi(Kernel) import Entente

// The report of the exits of the machine's virtual CPUs, which the kernel counts. The monitor writes it when the
// machine turns off.
extension Monitor {
    func reportExits(to console: Console) {
        console.write("\r\nentente: machine ")
        machine.writeName(to: console)
        console.write(" exits:")
        for counter in 0..<ExitCounter.count {
            console.write(Monitor.name(ofCounter: counter))
            console.write(decimal: exits(counter))
        }
    }

    /// Returns the sum over all virtual CPUs since the monitor started.
    private func exits(_ counter: Int) -> UInt64 {
        var sum: UInt64 = 0
        for number in 0..<machine.virtualCPUCount {
            let virtualCPU = MonitorSlot.firstVirtualCPU + UInt32(number)
            sum += readRegister(virtualCPU, RegisterNumber.counters + UInt64(counter))
        }
        return sum
    }

    private static func name(ofCounter counter: Int) -> StaticString {
        switch ExitCounter(rawValue: counter) {
        case .hypercall: " hypercall "
        case .waitForInterrupt: " wait-for-interrupt "
        case .systemRegister: " system-register "
        case .softwareInterrupt: " software-interrupt "
        case .interrupt: " interrupt "
        case .memory: " memory "
        case .floatingPoint: " floating-point "
        case .monitor: " monitor "
        case nil: " other "
        }
    }
}
