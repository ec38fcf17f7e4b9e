import ABI

/// QEMU's pvpanic device in its memory-mapped form: one register of a byte, to which a guest that panics writes.
///
/// A guest can write without limit, so the device reports each event once until the machine is reset.
public struct PanicDevice {
    private var reported: UInt8 = 0

    public init() {}

    private enum Event {
        /// The guest has panicked.
        static let panicked: UInt8 = 1 << 0
        /// The guest has panicked and starts a kernel of its own that handles the panic.
        static let crashLoaded: UInt8 = 1 << 1
        static let all = panicked | crashLoaded
    }
}

extension PanicDevice: Device {
    public static var placement: Placement {
        Placement(base: MachinePanic.register, size: MachinePanic.size, interrupt: nil)
    }

    /// Returns the events that the device supports.
    public mutating func read<Environment: DeviceEnvironment>(
        _ offset: UInt64, size: UInt64, _ environment: inout Environment
    ) -> UInt64 {
        offset == 0 ? UInt64(Event.all) : 0
    }

    public mutating func write<Environment: DeviceEnvironment>(
        _ offset: UInt64, size: UInt64, _ value: UInt64, _ environment: inout Environment
    ) {
        guard offset == 0 else { return }
        let new = UInt8(truncatingIfNeeded: value) & Event.all & ~reported
        reported |= new
        if new & Event.panicked != 0 { environment.report(.panicked) }
        if new & Event.crashLoaded != 0 { environment.report(.crashLoaded) }
    }
}
