import GuestHardware

/// A set of processors, one bit each.
public struct ProcessorSet {
    /// The capacity of the test kernels with which the figures are compared; clearing the set is part of their cost.
    public static let capacity = 512
    private var bytes: InlineArray<64, UInt8>

    public init() {
        bytes = InlineArray(repeating: 0xFF)
        var span = bytes.mutableSpan
        // SAFETY: the buffer is the whole set, and the function writes its 64 bytes and no more.
        unsafe span.withUnsafeMutableBytes { buffer in
            unsafe guest_clear_bytes(buffer.baseAddress, 64)
        }
    }

    public subscript(processor: Int) -> Bool {
        get { bytes[processor >> 3] & 1 << UInt8(truncatingIfNeeded: processor & 7) != 0 }
        set {
            let bit: UInt8 = 1 << UInt8(truncatingIfNeeded: processor & 7)
            if newValue { bytes[processor >> 3] |= bit } else { bytes[processor >> 3] &= ~bit }
        }
    }

    /// Returns the first member after `processor`, or `limit`.
    func next(after processor: Int, below limit: Int) -> Int {
        var candidate = processor + 1
        while candidate < limit && !self[candidate] { candidate += 1 }
        return candidate
    }
}

/// The number of processors of this machine that run: only the boot processor.
private let processorCount = 1

/// Sends software interrupt `number` (0…15) to one processor through a set, as systems with many processors do.
@inline(never)
public func sendSoftwareInterrupt(_ number: UInt64, toProcessor processor: Int) {
    var set = ProcessorSet()
    set[processor] = true
    sendSoftwareInterrupt(number, to: set)
}

/// Sends software interrupt `number` (0…15) to the members of `set`, with one write for each cluster of 16.
@inline(never)
public func sendSoftwareInterrupt(_ number: UInt64, to set: ProcessorSet) {
    var processor = set.next(after: -1, below: processorCount)
    while processor < processorCount {
        let affinity = guest_affinity()
        let cluster = affinity & ~0xFF
        var targets: UInt64 = 0
        while processor < processorCount, affinity & ~0xFF == cluster, affinity & 0xFF < 16 {
            targets |= 1 << (affinity & 0xF)
            processor = set.next(after: processor, below: processorCount)
        }
        guest_send_software_interrupt(
            (cluster >> 32 & 0xFF) << 48 | (cluster >> 16 & 0xFF) << 32 | number << 24 | (cluster >> 8 & 0xFF) << 16
                | targets)
    }
}
