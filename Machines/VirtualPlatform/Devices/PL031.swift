/// The PL031 real time clock (Arm DDI 0224): the board's time in seconds, and an alarm.
///
/// The clock is always on, as in QEMU. A guest that sets it changes the difference between its own time and the
/// board's. The device checks the alarm whenever the guest accesses it, and when the monitor's timer may have reached
/// the alarm.
public struct PL031 {
    /// The difference that is added to the board's seconds.
    public private(set) var difference: UInt32
    private var load: UInt32 = 0
    private var match: UInt32 = 0
    private var isUnmasked = false
    private var isRaised = false
    /// The time at which the alarm was set last, while the alarm is still to come.
    private var armedAt: UInt32?

    /// Makes a clock with a difference to the board's time.
    /// - Parameter difference: that of an earlier run of the machine, or 0.
    public init(difference: UInt32) { self.difference = difference }

    /// Makes a clock that shows the board's time.
    public init() { self.init(difference: 0) }

    /// The level of the interrupt line.
    public var isInterrupting: Bool { isRaised && isUnmasked }

    /// Raises the alarm if its time has come.
    public mutating func update<Source: TimeSource>(_ source: inout Source) {
        guard let armedAt else { return }
        // The seconds since the alarm was set, modulo 2³², because the counter continues at 0.
        let passed = time(&source) &- armedAt
        guard passed >= match &- armedAt else { return }
        raise()
    }

    /// Returns the number of seconds until the alarm can interrupt, at least 1; nil if it cannot.
    public func secondsToAlarm<Source: TimeSource>(_ source: inout Source) -> UInt32? {
        guard let armedAt, isUnmasked else { return nil }
        let passed = time(&source) &- armedAt
        let whole = match &- armedAt
        return passed < whole ? whole - passed : 1
    }

    private func time<Source: TimeSource>(_ source: inout Source) -> UInt32 { source.seconds() &+ difference }

    private mutating func raise() {
        isRaised = true
        armedAt = nil
    }

    /// Arms the alarm. A match with the present time raises it at once.
    private mutating func arm<Source: TimeSource>(_ source: inout Source) {
        let now = time(&source)
        if now == match { raise() } else { armedAt = now }
    }
}

// MARK: - Registers

extension PL031 {
    /// Reads a register.
    /// - Parameter offset: below `PlatformMap.clockSize`. Offsets within a register read as zero.
    public mutating func read<Source: TimeSource>(_ offset: UInt64, _ source: inout Source) -> UInt32 {
        update(&source)
        switch offset {
        case 0x00: return time(&source)
        case 0x04: return match
        case 0x08: return load
        case 0x0C: return 1
        case 0x10: return isUnmasked ? 1 : 0
        case 0x14: return isRaised ? 1 : 0
        case 0x18: return isInterrupting ? 1 : 0
        // These are RTCPeriphID0…3 (part 0x031, Arm) and RTCPCellID0…3.
        case 0xFE0: return 0x31
        case 0xFE4: return 0x10
        case 0xFE8: return 0x14
        case 0xFF0: return 0x0D
        case 0xFF4: return 0xF0
        case 0xFF8: return 0x05
        case 0xFFC: return 0xB1
        default: return 0
        }
    }

    public mutating func write<Source: TimeSource>(_ offset: UInt64, _ value: UInt32, _ source: inout Source) {
        update(&source)
        switch offset {
        case 0x04:
            match = value
            arm(&source)
        case 0x08:
            load = value
            difference = value &- source.seconds()
            arm(&source)
        case 0x10: isUnmasked = value & 1 != 0
        case 0x1C: if value & 1 != 0 { isRaised = false }
        default: return
        }
    }
}

// MARK: - On the bus

extension PL031: Device {
    public static var placement: Placement {
        Placement(base: PlatformMap.clock, size: PlatformMap.clockSize, interrupt: PlatformMap.clockInterrupt)
    }

    /// Loads from the registers. An access of 8 bytes counts as two of 4.
    public mutating func read<Environment: DeviceEnvironment>(
        _ offset: UInt64, size: UInt64, _ environment: inout Environment
    ) -> UInt64 {
        let low = UInt64(read(offset, &environment))
        return size == 8 ? low | UInt64(read(offset &+ 4, &environment)) << 32 : low
    }

    public mutating func write<Environment: DeviceEnvironment>(
        _ offset: UInt64, size: UInt64, _ value: UInt64, _ environment: inout Environment
    ) {
        write(offset, UInt32(truncatingIfNeeded: value), &environment)
        if size == 8 { write(offset &+ 4, UInt32(truncatingIfNeeded: value >> 32), &environment) }
    }

    public func sixteenthsToUpdate<Environment: DeviceEnvironment>(_ environment: inout Environment) -> UInt64? {
        secondsToAlarm(&environment).map { $0 > 1 ? 16 : 1 }
    }

    /// Keeps the time that a guest has set, like a clock with a battery.
    public func afterReset() -> PL031 { PL031(difference: difference) }
}
