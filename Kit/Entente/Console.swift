import ABI

/// This component's console: bytes out and in, by way of two queues that it shares with the console driver.
///
/// Output that finds its queue full waits by yielding while `patience` allows it and the driver lives, and is dropped
/// otherwise. The bytes behind it are dropped without another wait until there is room.
public struct Console {
    public let output: ConsoleQueueEnd
    public let input: ConsoleQueueEnd
    let doorbell: UInt32
    /// How often a byte that finds the queue full yields before it is dropped.
    public var patience = 100_000

    /// The console that root prepared for this component.
    public init() {
        output = ConsoleQueueEnd(page: Seam.address(ComponentLayout.console))
        input = ConsoleQueueEnd(page: Seam.address(ComponentLayout.console + ConsoleQueue.size))
        doorbell = InitialSlot.consoleOutput
    }

    /// Puts a byte into the output queue; false when it is full.
    public func put(_ byte: UInt8) -> Bool { output.put(byte) }

    public func write(_ byte: UInt8) { putPatiently(byte) }

    /// Tells the driver that there is output. Returns `badCapability` while there is no driver, because the driver's
    /// notification dies with it.
    @discardableResult
    public func flush() -> Status { signal(doorbell) }

    /// Returns whether so many bytes can be put now, so that writing them waits for nobody.
    public func hasRoom(for count: Int) -> Bool { Int(output.count) + count <= Int(ConsoleQueue.capacity) }

    /// Takes a byte of input, if there is one.
    public func take() -> UInt8? { input.take() }

    public func write(_ text: StaticString) {
        text.withUTF8Buffer { buffer in
            // SAFETY: the buffer is a constant of the program, and is not kept.
            for index in 0..<buffer.count { putPatiently(unsafe buffer[index]) }
        }
    }

    /// Begins a log line with the time since the board started: `[    1.234567] `.
    public func beginLine() {
        let now = Clock.now
        let seconds = now / Clock.frequency
        let microseconds = now % Clock.frequency * 1_000_000 / Clock.frequency
        write("[")
        var limit: UInt64 = 10_000
        while limit > 1, seconds < limit {
            putPatiently(0x20)
            limit /= 10
        }
        write(decimal: seconds)
        write(".")
        write(decimal: microseconds, width: 6)
        write("] ")
    }

    /// Writes a name that is padded with zeros.
    public func write(_ name: InlineArray<32, UInt8>) {
        for index in 0..<32 where name[index] != 0 { putPatiently(name[index]) }
    }

    public func write(decimal number: UInt64, width: Int = 0) {
        var digits = InlineArray<20, UInt8>(repeating: 0x30)
        var rest = number
        var count = 0
        repeat {
            digits[count] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
            rest /= 10
            count += 1
        } while rest != 0
        count = max(count, min(width, 20))
        while count > 0 {
            count -= 1
            putPatiently(digits[count])
        }
    }

    public func write(hex number: UInt64) {
        write("0x")
        // Four bits a digit, from the first that is not 0.
        var shift = max(60 - number.leadingZeroBitCount & ~3, 0)
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: number >> UInt64(shift) & 15)
            putPatiently(digit < 10 ? 0x30 + digit : 0x57 + digit)
            shift -= 4
        }
    }

    public func putPatiently(_ byte: UInt8) {
        let isHopeless = Seam.hasWaitedInVain
        var patience = isHopeless ? min(patience, 1) : patience
        while !output.put(byte) {
            // Nobody takes bytes while the driver is dead, and its next life makes room without being asked.
            guard patience > 0, flush() != .badCapability else {
                Seam.hasWaitedInVain = true
                return
            }
            patience -= 1
            yield()
        }
        if isHopeless { Seam.hasWaitedInVain = false }
    }
}

/// Gives the rest of this thread's time slice to its equals.
public func yield() {
    invoke(.scheduleControl, Selector(slot: 0, form: ScheduleControl.yield.rawValue))
}

/// Time since the board started, in ticks, and the ticks of a second.
public enum Clock {
    public static var now: UInt64 { Seam.counter }
    public static var frequency: UInt64 { Seam.counterFrequency }
}
