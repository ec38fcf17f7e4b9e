import ABI
@_spi(Kernel) import Entente

// The report of the exits of the machine's virtual CPUs, which the kernel counts. The monitor writes it when the
// machine turns off.
extension Monitor {
    func reportExits(to console: Console) {
        console.write("\r\nentente: machine ")
        machine.writeName(to: console)
        console.write(" exits:")
        var number = 0
        while let counter = ExitCounter(rawValue: number) {
            console.write(" ")
            console.write(counter.name)
            console.write(" ")
            console.write(decimal: exits(number))
            number += 1
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
}
