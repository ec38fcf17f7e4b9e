import ABI

/// The console of this component, which sends and receives bytes by two queues that it shares with the console driver.
///
/// A byte of output that finds the queue full waits: the component yields up to `patience` times while the driver
/// lives. If there is still no room, the console drops that byte, and drops later bytes without a wait until there is
/// room again.
public struct Console {
    public let output: ConsoleQueueEnd
    public let input: ConsoleQueueEnd
    let doorbell: UInt32
    /// The number of times that the component yields for a byte that finds the queue full, before the console drops
    /// the byte.
    public var patience = ConsoleQueue.patience

    /// Uses the queues that root prepared for this component.
    public init() {
        output = ConsoleQueueEnd(page: Seam.address(ComponentLayout.console))
        input = ConsoleQueueEnd(page: Seam.address(ComponentLayout.console + ConsoleQueue.size))
        doorbell = InitialSlot.consoleOutput
    }

    /// Puts a byte into the output queue. Returns false if the queue is full.
    public func put(_ byte: UInt8) -> Bool { output.put(byte) }

    public func write(_ byte: UInt8) { putPatiently(byte) }

    /// Signals the driver that there is output. Returns `badCapability` while there is no driver, because the
    /// driver's notification dies with the driver.
    @discardableResult
    public func flush() -> Status { signal(doorbell) }

    /// Returns true if the queue has room for `count` bytes, so that the component can write them without a wait.
    public func hasRoom(for count: Int) -> Bool { Int(output.count) + count <= Int(ConsoleQueue.capacity) }

    /// Takes a byte of input, or returns nil if there is none. A break of the line is a byte of 0.
    public func take() -> UInt8? { input.take() }

    /// Takes a byte of input or a break of the line (`ConsoleQueue.breakCharacter`), or returns nil if there is
    /// neither.
    public func takeCharacter() -> UInt16? { input.takeCharacter() }

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
        // Each digit is four bits, beginning with the first digit that is not 0.
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
            // No component takes bytes while the driver is dead, and the driver's next life makes room without a
            // signal.
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

/// Yields the rest of this thread's time slice to threads of the same priority.
public func yield() {
    invoke(.scheduleControl, Selector(slot: 0, form: ScheduleControl.yield.rawValue))
}

/// The system counter: ticks since the board started, and the number of ticks in a second.
public enum Clock {
    public static var now: UInt64 { Seam.counter }
    public static var frequency: UInt64 { Seam.counterFrequency }
}
