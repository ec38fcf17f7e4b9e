import ABI
import AArch64Support
import KernelCore

/// The board's PL011, written by polling, for the kernel's messages at start and in a panic.
enum Console {
    private static var base: UInt64 { BootImage.header.pointee.board.serial.base }

    static func put(_ byte: UInt8) {
        var patience = 1_000_000
        while device_read32(base + 0x18) & 1 << 5 != 0, patience > 0 { patience &-= 1 }
        device_write32(base, UInt32(byte))
    }

    static func write(_ text: StaticString) {
        // SAFETY: a StaticString's bytes are constants of the kernel's image.
        for index in 0..<text.utf8CodeUnitCount { put(unsafe text.utf8Start[index]) }
    }

    static func write(hex value: UInt64) {
        write("0x")
        var shift: UInt64 = 60
        while shift > 0, value >> shift == 0 { shift &-= 4 }
        while true {
            let digit = UInt8(truncatingIfNeeded: value >> shift & 15)
            put(digit < 10 ? 0x30 &+ digit : 0x57 &+ digit)
            if shift == 0 { return }
            shift &-= 4
        }
    }

    /// Announces that the following bytes belong to the kernel's channel of the shared line.
    static func selectKernelChannel() {
        put(ConsoleChannel.escape)
        put(ConsoleChannel.firstChannel &+ ConsoleChannel.kernel)
    }
}
