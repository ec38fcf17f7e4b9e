/// The watchdog that a machine can have: the generic watchdog of Arm's base system architecture.
public enum MachineWatchdog {
    /// The guest-physical address of its control frame. The refresh frame follows. QEMU's `virt` board has nothing
    /// there.
    public static let control: UInt64 = 0x0B11_0000
    public static let frameSize: UInt64 = 0x1000
    /// The INTID of its first signal, which is level-sensitive.
    public static let interrupt: UInt64 = 44
}

/// The register by which a machine reports its own panic, as QEMU's pvpanic-mmio does.
public enum MachinePanic {
    /// The guest-physical address, in a part of the platform's map that is free on QEMU's `virt` board.
    public static let register: UInt64 = 0x0B10_0000
    public static let size: UInt64 = 2
}

/// The bits of `MachineConfiguration.failureActions`.
public enum FailureActions {
    /// The machine dies when it reports a panic. Without this bit its console only gets a line about the panic.
    public static let diesOfPanic: UInt64 = 1
    /// The machine has a watchdog, and dies when the watchdog expires.
    public static let hasWatchdog: UInt64 = 2
}

/// The reason for which a monitor ends itself and its machine. The monitor executes BRK with this value as the
/// immediate. The plan gives root a text for each reason (`TrapRecord`).
public enum MachineEnd: UInt64, Sendable {
    case panic = 0xE001
    case hang = 0xE002
}
