import ABI
import Entente
import VirtualPlatform

/// What the devices act upon: the kernel's virtual interrupts, and the machine's console.
struct KernelHost: InterruptPort, SerialLine, TimeSource {
    private var console: Console { Console() }
    private(set) var written = OutputBatch.Written()

    @inline(__always)
    init() {}

    private static func slot(_ virtualCPU: Int) -> UInt32 {
        InitialSlot.firstVirtualCPU + UInt32(truncatingIfNeeded: virtualCPU)
    }

    mutating func control(_ form: VirtualInterruptControl, virtualCPU: Int, index: UInt64, value: UInt64) {
        virtualInterrupt(KernelHost.slot(virtualCPU), form, index, value)
    }

    mutating func state(ofWord word: Int, virtualCPU: Int) -> InterruptWordState {
        let words = virtualInterrupt(KernelHost.slot(virtualCPU), .readWord, UInt64(word)).words
        return InterruptWordState(
            pending: UInt32(truncatingIfNeeded: words.w1), active: UInt32(truncatingIfNeeded: words.w2))
    }

    mutating func transmit(_ byte: UInt8) -> Bool {
        guard console.put(byte) else {
            written.foundNoRoom = true
            return false
        }
        written.count += 1
        if byte == KernelHost.lineFeed { written.endsLine = true }
        return true
    }

    private static let lineFeed: UInt8 = 0x0A

    mutating func receive() -> UInt8? { console.take() }

    /// A board without a clock has started in 1970.
    func seconds() -> UInt32 {
        MachineDescription.own.boardSeconds ?? UInt32(truncatingIfNeeded: Clock.now / Clock.frequency)
    }

    func askForWatch() { signal(InitialSlot.notification, bits: Monitor.Wake.clock) }
}
