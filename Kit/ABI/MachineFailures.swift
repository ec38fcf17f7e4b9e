/// A watchdog that a machine can have: the generic watchdog of Arm's base system architecture.
public enum MachineWatchdog {
    /// Guest-physical address of its control frame; the refresh frame follows. QEMU's `virt` has nothing there.
    public static let control: UInt64 = 0x0B11_0000
    public static let frameSize: UInt64 = 0x1000
    /// INTID of its first signal, level-sensitive.
    public static let interrupt: UInt64 = 44
}

/// The register by which a machine says that it has panicked, as QEMU's pvpanic-mmio.
public enum MachinePanic {
    /// Guest-physical address, in a part of the platform's map that is free on QEMU's `virt`.
    public static let register: UInt64 = 0x0B10_0000
    public static let size: UInt64 = 2
}

/// The bits of `MachineConfiguration.failureActions`.
public enum FailureActions {
    /// A panic is a death of the machine. Otherwise its console says that it has panicked.
    public static let diesOfPanic: UInt64 = 1
    /// The machine has a watchdog, and dies when that expires.
    public static let hasWatchdog: UInt64 = 2
}

/// The reason for which a monitor ends itself and its machine: the immediate of the BRK instruction that it executes,
/// by which root knows it in the fault's syndrome.
public enum MachineEnd: UInt64 {
    case panic = 0xE001
    case hang = 0xE002

    /// - Parameter syndrome: ESR_EL2 of a BRK instruction.
    public init?(syndrome: UInt64) { self.init(rawValue: syndrome & 0xFFFF) }
}
