import ABI

/// The generic watchdog of Arm's base system architecture (DEN0094, "Generic Watchdog"), architecture version 1.
///
/// It has a control frame and, behind it, a refresh frame of 4 KiB each. A guest that does not write to the refresh
/// frame in time first gets an interrupt (WS0). If it does not respond within the same time, the watchdog reports
/// that it hangs (WS1).
///
/// The watchdog reads the counter only when the guest accesses it or the environment calls `update`, so that a signal
/// is up to a sixteenth of a second late. The second stage begins when the watchdog raises WS0, so that the guest has
/// the whole of it.
public struct GenericWatchdog {
    /// WCS.EN.
    private var isEnabled = false
    /// WCS.WS0, the level of the interrupt line.
    public private(set) var isInterrupting = false
    /// WCS.WS1.
    private var hasExpired = false
    /// WOR, in ticks of the system counter.
    private var offset: UInt64 = 0
    /// WCV: the count beyond which the next signal is due.
    private var compareValue: UInt64 = 0

    public init() {}

    /// WOR has 48 bits.
    private static let offsetBits: UInt64 = 1 << 48 - 1
    private static let enable: UInt32 = 1

    /// W_IIDR: JEP106 code of Arm, architecture version 1, as in QEMU's device.
    private static let identification: UInt32 = 0x1_043B

    private mutating func refresh<Environment: DeviceEnvironment>(_ environment: inout Environment) {
        isInterrupting = false
        hasExpired = false
        compareValue = environment.ticks() &+ offset
    }
}

// MARK: - Registers

extension GenericWatchdog {
    private enum Register {
        static let control: UInt64 = 0x000
        static let offset: UInt64 = 0x008
        static let offsetHigh: UInt64 = 0x00C
        static let compare: UInt64 = 0x010
        static let compareHigh: UInt64 = 0x014
        static let identification: UInt64 = 0xFCC
        static let refresh: UInt64 = 0x1000
        static let refreshIdentification: UInt64 = 0x1FCC
    }

    private func register(_ place: UInt64) -> UInt32 {
        switch place {
        case Register.control:
            (isEnabled ? GenericWatchdog.enable : 0) | (isInterrupting ? 1 << 1 : 0) | (hasExpired ? 1 << 2 : 0)
        case Register.offset: UInt32(truncatingIfNeeded: offset)
        case Register.offsetHigh: UInt32(truncatingIfNeeded: offset >> 32)
        case Register.compare: UInt32(truncatingIfNeeded: compareValue)
        case Register.compareHigh: UInt32(truncatingIfNeeded: compareValue >> 32)
        case Register.identification, Register.refreshIdentification: GenericWatchdog.identification
        default: 0
        }
    }

    /// Sets a register. Writes to WCS, WOR and WRR refresh the watchdog; a write to WCV does not.
    private mutating func setRegister<Environment: DeviceEnvironment>(
        _ place: UInt64, _ value: UInt32, _ environment: inout Environment
    ) {
        switch place {
        case Register.control: isEnabled = value & GenericWatchdog.enable != 0
        case Register.offset: offset = offset & ~0xFFFF_FFFF | UInt64(value)
        case Register.offsetHigh: offset = (offset & 0xFFFF_FFFF | UInt64(value) << 32) & GenericWatchdog.offsetBits
        case Register.compare:
            compareValue = compareValue & ~0xFFFF_FFFF | UInt64(value)
            return
        case Register.compareHigh:
            compareValue = compareValue & 0xFFFF_FFFF | UInt64(value) << 32
            return
        case Register.refresh: break
        default: return
        }
        refresh(&environment)
    }
}

// MARK: - On the bus

extension GenericWatchdog: Device {
    public static var placement: Placement {
        Placement(
            base: MachineWatchdog.control, size: 2 * MachineWatchdog.frameSize,
            interrupt: InterruptID(Int(MachineWatchdog.interrupt)))
    }

    public static func isPresent(in options: PlatformOptions) -> Bool { options.hasWatchdog }

    /// Loads from a register or a part of it. A load that is not aligned is zero.
    public mutating func read<Environment: DeviceEnvironment>(
        _ offset: UInt64, size: UInt64, _ environment: inout Environment
    ) -> UInt64 {
        update(&environment)
        return RegisterLanes.read(offset, size: size) { register($0) }
    }

    /// Stores to a register. A store to a part of a register writes nothing.
    public mutating func write<Environment: DeviceEnvironment>(
        _ offset: UInt64, size: UInt64, _ value: UInt64, _ environment: inout Environment
    ) {
        update(&environment)
        RegisterLanes.write(offset, size: size, value) { place, word, lanes in
            if lanes == ~0 { setRegister(place, word, &environment) }
        }
    }

    public mutating func update<Environment: DeviceEnvironment>(_ environment: inout Environment) {
        guard isEnabled, !hasExpired else { return }
        let now = environment.ticks()
        guard now > compareValue else { return }
        if isInterrupting {
            hasExpired = true
            environment.report(.hangs)
        } else {
            isInterrupting = true
            compareValue = now &+ offset
        }
    }

    public func sixteenthsToUpdate<Environment: DeviceEnvironment>(_ environment: inout Environment) -> UInt64? {
        guard isEnabled, !hasExpired else { return nil }
        let (now, second) = (environment.ticks(), environment.ticksPerSecond())
        guard now <= compareValue else { return 1 }
        let rest = compareValue - now
        // Rounded up, because a call at the last tick would come too early.
        return rest >= second ? 16 : rest * 16 / second + 1
    }
}
