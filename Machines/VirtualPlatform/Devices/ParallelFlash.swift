import ABI

/// The flash of a machine that starts from firmware, as on QEMU's `virt` board: two banks of 64 MiB.
///
/// The first bank holds the firmware. The machine reads and executes it without this device, which only has the rest
/// of the bank: it reads as erased, and ignores stores. The second bank keeps the firmware's variables. It consists of
/// two chips with 16 data lines each, which answer side by side on a bus of 32 bits: an aligned word of 4 bytes has its
/// low half in the first chip and its high half in the second one.
///
/// Only the first `MachineFlash.storeSize` bytes of the second bank have memory, outside of the device (`FlashStore`).
/// The rest is always erased. The chips report a programming error there.
public struct ParallelFlash {
    private var low = FlashChip()
    private var high = FlashChip()
    /// True while the machine can read the store without this device. Only then do both chips show their contents.
    private var isShown = false

    public init() {}

    private static let erased: UInt32 = ~0

    private var showsContents: Bool { low.output == .array && high.output == .array }
}

// MARK: - Loads

extension ParallelFlash {
    /// Returns the 4 bytes at an aligned offset into the second bank.
    private func word<Environment: FlashStore>(_ offset: UInt64, _ environment: inout Environment) -> UInt32 {
        let place = offset >> 2
        let (first, second) = (low.read(place), high.read(place))
        if let first, let second { return UInt32(first) | UInt32(second) << 16 }
        let contents = ParallelFlash.contents(offset, &environment)
        return UInt32(first ?? UInt16(truncatingIfNeeded: contents))
            | UInt32(second ?? UInt16(truncatingIfNeeded: contents >> 16)) << 16
    }

    private static func contents<Environment: FlashStore>(
        _ offset: UInt64, _ environment: inout Environment
    ) -> UInt32 {
        offset < MachineFlash.storeSize ? environment.flashWord(at: offset) : erased
    }

    /// Returns the bytes at any offset into both banks.
    private func bytes<Environment: FlashStore>(
        _ offset: UInt64, size: UInt64, _ environment: inout Environment
    ) -> UInt64 {
        var value: UInt64 = 0
        var (done, loaded, place) = (UInt64(0), ParallelFlash.erased, UInt64.max)
        while done < size {
            let bank = offset &+ done &- MachineFlash.variables
            if bank & ~3 != place {
                place = bank & ~3
                loaded = bank < MachineFlash.bankSize ? word(place, &environment) : ParallelFlash.erased
            }
            value |= UInt64(loaded >> UInt32(8 &* (bank & 3)) & 0xFF) << (8 &* done)
            done &+= 1
        }
        return value
    }
}

// MARK: - Stores

extension ParallelFlash {
    /// Writes each half of an aligned word to its chip.
    private mutating func store<Environment: FlashStore>(
        _ offset: UInt64, _ value: UInt32, _ environment: inout Environment
    ) {
        let place = offset >> 2
        let first = low.write(place, UInt16(truncatingIfNeeded: value))
        let second = high.write(place, UInt16(truncatingIfNeeded: value >> 16))
        // An operation changes the contents, and a chip that performs one shows its status.
        if isShown, !showsContents {
            environment.hideFlash()
            isShown = false
        }
        if case .erase = first, first == second {
            ParallelFlash.erase(first, lanes: ~0, &environment)
        } else {
            perform(first, shift: 0, &environment)
            perform(second, shift: 16, &environment)
        }
    }

    /// Performs an operation of the chip whose lines begin at bit `shift`.
    private mutating func perform<Environment: FlashStore>(
        _ action: FlashChip.Action, shift: UInt32, _ environment: inout Environment
    ) {
        switch action {
        case .none: break
        case .erase: ParallelFlash.erase(action, lanes: 0xFFFF << shift, &environment)
        case .program(let place, let value): program(place, value, shift: shift, &environment)
        case .programBuffer(let place, let count):
            for index in 0..<count {
                let value = shift == 0 ? low.buffer[index] : high.buffer[index]
                program(place &+ UInt64(index), value, shift: shift, &environment)
            }
        }
    }

    private static func erase<Environment: FlashStore>(
        _ action: FlashChip.Action, lanes: UInt32, _ environment: inout Environment
    ) {
        guard case .erase(let place) = action, place << 2 < MachineFlash.storeSize else { return }
        environment.eraseFlash(at: place << 2, lanes: lanes)
    }

    private mutating func program<Environment: FlashStore>(
        _ place: UInt64, _ value: UInt16, shift: UInt32, _ environment: inout Environment
    ) {
        guard value != 0xFFFF else { return }
        guard place << 2 < MachineFlash.storeSize else {
            return shift == 0 ? low.noteProgramError() : high.noteProgramError()
        }
        let old = environment.flashWord(at: place << 2)
        let new = old & (UInt32(value) << shift | ~(0xFFFF << shift))
        environment.setFlashWord(at: place << 2, new)
    }
}

// MARK: - On the bus

extension ParallelFlash: Device {
    public static var placement: Placement {
        Placement(base: MachineFlash.code, size: 2 * MachineFlash.bankSize, interrupt: nil)
    }

    public static func isPresent(in options: PlatformOptions) -> Bool { options.hasFlash }

    public mutating func read<Environment: DeviceEnvironment>(
        _ offset: UInt64, size: UInt64, _ environment: inout Environment
    ) -> UInt64 {
        // The next loads need no exit. A store takes this back, if it makes a chip show something else.
        let isStored = offset &- MachineFlash.variables < MachineFlash.storeSize
        if isStored, !isShown, showsContents { isShown = environment.showFlash() }
        return bytes(offset, size: size, &environment)
    }

    /// Stores one or two words of 4 bytes. The chips cannot take a part of a word, so that other stores have no effect.
    /// Therefore a driver that tries several widths finds the bus to be 32 bits wide.
    public mutating func write<Environment: DeviceEnvironment>(
        _ offset: UInt64, size: UInt64, _ value: UInt64, _ environment: inout Environment
    ) {
        let bank = offset &- MachineFlash.variables
        guard size >= 4, offset & 3 == 0, bank < MachineFlash.bankSize else { return }
        store(bank, UInt32(truncatingIfNeeded: value), &environment)
        guard size == 8, bank &+ 4 < MachineFlash.bankSize else { return }
        store(bank &+ 4, UInt32(truncatingIfNeeded: value >> 32), &environment)
    }

    /// Makes both chips show their contents. The machine may still read these without the device.
    public func afterReset() -> ParallelFlash {
        var flash = ParallelFlash()
        flash.isShown = isShown
        return flash
    }
}
