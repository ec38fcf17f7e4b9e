import ABI

/// The devices of one machine, as QEMU's `virt` board has them: who answers at which guest-physical address.
public struct PlatformDevices {
    public var interrupts: InterruptController
    public private(set) var serial = PL011()
    public private(set) var clock: PL031
    /// Whether `watchAlarm` was asked for, or calls itself again. A guest that sets alarms without end costs the monitor
    /// no more than that.
    private var isWatched = false
    /// Whether `watchAlarm` has been called since.
    private var isWatching = false

    /// - Parameters:
    ///   - virtualCPUCount: 1…`PlatformMap.maximumVirtualCPUs`.
    ///   - clock: the clock of an earlier life of the machine.
    public init(virtualCPUCount: Int, clock: PL031 = PL031()) {
        interrupts = InterruptController(virtualCPUCount: virtualCPUCount)
        self.clock = PL031(difference: clock.difference)
    }

    /// Performs an access: the loaded value (zero for a store), or nil when no device lies at the address.
    @inline(__always)
    public mutating func perform<Host: InterruptPort & SerialLine & TimeSource>(
        _ access: MemoryAccess, _ host: inout Host
    ) -> UInt64? {
        let inDistributor = access.address &- PlatformMap.distributor
        if inDistributor < PlatformMap.distributorSize {
            if !access.isWrite { return interrupts.readDistributor(inDistributor, size: access.size, &host) }
            interrupts.writeDistributor(inDistributor, size: access.size, access.value, &host)
            return 0
        }
        let inSerial = access.address &- PlatformMap.serial
        if inSerial < PlatformMap.serialSize { return performSerial(access, inSerial, &host) }
        return performOther(access, &host)
    }

    /// Lets the serial port see what has changed at its wire.
    public mutating func exchangeSerial<Host: InterruptPort & SerialLine>(_ host: inout Host) {
        serial.exchange(&host)
        interrupts.setLine(PlatformMap.serialInterrupt, high: serial.isInterrupting, &host)
    }

    @inline(__always)
    private mutating func performSerial<Host: InterruptPort & SerialLine>(
        _ access: MemoryAccess, _ offset: UInt64, _ host: inout Host
    ) -> UInt64 {
        var loaded: UInt64 = 0
        if access.isWrite {
            serial.write(offset, UInt32(truncatingIfNeeded: access.value), &host)
        } else {
            loaded = UInt64(serial.read(offset, &host))
        }
        interrupts.setLine(PlatformMap.serialInterrupt, high: serial.isInterrupting, &host)
        return loaded
    }

    @inline(never)
    private mutating func performOther<Host: InterruptPort & TimeSource>(
        _ access: MemoryAccess, _ host: inout Host
    ) -> UInt64? {
        let inClock = access.address &- PlatformMap.clock
        if inClock < PlatformMap.clockSize { return performClock(access, inClock, &host) }
        let offset = access.address &- PlatformMap.redistributors
        if !access.isWrite { return interrupts.readRedistributor(offset, size: access.size, &host) }
        return interrupts.writeRedistributor(offset, size: access.size, access.value, &host) ? 0 : nil
    }
}

// MARK: - The clock

extension PlatformDevices {
    /// An access of 8 bytes is two of 4.
    private mutating func performClock<Host: InterruptPort & TimeSource>(
        _ access: MemoryAccess, _ offset: UInt64, _ host: inout Host
    ) -> UInt64 {
        var loaded: UInt64 = 0
        for part in 0..<(access.size == 8 ? 2 : 1) as Range<UInt64> {
            let place = offset &+ 4 &* part
            if access.isWrite {
                clock.write(place, UInt32(truncatingIfNeeded: access.value >> (32 * part)), &host)
            } else {
                loaded |= UInt64(clock.read(place, &host)) << (32 * part)
            }
        }
        updateClock(&host)
        if !isWatched, clock.secondsToAlarm(&host) != nil {
            (isWatched, isWatching) = (true, false)
            host.askForWatch()
        }
        return loaded
    }

    private mutating func updateClock<Host: InterruptPort & TimeSource>(_ host: inout Host) {
        clock.update(&host)
        interrupts.setLine(PlatformMap.clockInterrupt, high: clock.isInterrupting, &host)
    }

    /// Raises the alarm if its time has come.
    /// - Returns: When to be called again, in sixteenths of a second: one at least, a second at most; nil: not at all.
    public mutating func watchAlarm<Host: InterruptPort & TimeSource>(_ host: inout Host) -> UInt64? {
        guard isWatched else { return nil }
        updateClock(&host)
        let seconds = clock.secondsToAlarm(&host)
        // The first call is followed by another in any case, because an access may ask for the first at any time.
        if seconds == nil, isWatching {
            isWatched = false
            return nil
        }
        isWatching = true
        return seconds ?? 1 > 1 ? 16 : 1
    }
}
