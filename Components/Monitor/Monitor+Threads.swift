import ABI
import Entente
import VirtualPlatform

extension Monitor {
    /// Runs the first thread, which loads the machine and starts it, and then serves the exits of the virtual CPUs on
    /// its core.
    /// - Parameter serve: `serve()`, or a loop around `respond(to:)` for a machine that has more than the platform.
    public static func start(_ serve: (Monitor) -> Never) {
        let machine = MonitoredMachine.own
        var memory = DeviceMemory()
        // SAFETY: this function never returns, so the state on its stack lives as long as the monitor.
        unsafe withUnsafeMutableBytes(of: &memory) { devices in
            var state = unsafe SharedMachine(machine, devices)
            unsafe withUnsafeMutablePointer(to: &state) { pointer in
                unsafe SharedMachine.publish(pointer)
                let monitor = Monitor(machine: machine)
                monitor.start()
                serve(monitor)
            }
        }
    }

    /// The monitor of a further thread, which serves the exits of the virtual CPUs on its core. No exit arrives
    /// before the first thread has started a virtual CPU.
    public static var further: Monitor { Monitor(machine: MonitoredMachine.own) }
}
