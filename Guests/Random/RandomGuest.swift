import GuestHardware
import GuestSupport

/// Prints the machine's sources of random numbers, and resets the machine, again and again: the bytes of `rng-seed` in
/// the device tree, and the words that the firmware's functions return (DEN0098).
///
///     random: seed 0123… version 65536 numbers 0123… short 0 0 1 refused
@c(guest_main)
public func guestMain(_ deviceTree: UInt64) {
    SerialPort.initialize()
    write("random: seed ")
    writeSeed(in: deviceTree)
    write(" version ")
    write(decimal: guest_firmware_call(Function.version, 0, 0, 0))
    write(" numbers ")
    let numbers = results(of: Function.numbers64, 192)
    if numbers[0] == 0 {
        for index in 1..<4 { write(hexadecimal: numbers[index], bytes: 8) }
    } else {
        write("none")
    }
    write(" short ")
    let short = results(of: Function.numbers, 1)
    for index in 1..<4 {
        write(decimal: short[index])
        write(" ")
    }
    write(results(of: Function.numbers64, 193)[0] == UInt64(bitPattern: -2) ? "refused" : "accepted")
    endLine()
    _ = guest_firmware_call(Function.systemReset, 0, 0, 0)
}

private enum Function {
    static let version: UInt64 = 0x8400_0050
    static let numbers: UInt64 = 0x8400_0053
    static let numbers64: UInt64 = 0xC400_0053
    static let systemReset: UInt64 = 0x8400_0009
}

private func results(of function: UInt64, _ argument: UInt64) -> InlineArray<4, UInt64> {
    var results = InlineArray<4, UInt64>(repeating: 0)
    var words = results.mutableSpan
    // SAFETY: the function stores four words.
    unsafe words.withUnsafeMutableBufferPointer { unsafe guest_firmware_results(function, argument, $0.baseAddress) }
    return results
}

/// Writes the bytes of the first property of the tree that has 32 bytes, which is `rng-seed`, because no other property
/// of this machine has as many.
private func writeSeed(in tree: UInt64) {
    guard tree != 0, guest_load32(tree) == 0xEDFE_0DD0 else { return write("none") }
    var place = tree + UInt64(guest_load32(tree + 8).byteSwapped)
    let end = place + UInt64(guest_load32(tree + 36).byteSwapped)
    while place < end {
        // The token of a property, and its size.
        if guest_load32(place).byteSwapped == 3, guest_load32(place + 4).byteSwapped == 32 {
            for offset in 0..<32 as Range<UInt64> {
                write(hexadecimal: UInt64(guest_load8(place + 12 + offset)), bytes: 1)
            }
            return
        }
        place += 4
    }
    write("none")
}

private func write(hexadecimal value: UInt64, bytes: UInt64) {
    for digit in (0..<2 * bytes).reversed() {
        let digit = UInt8(truncatingIfNeeded: value >> (4 * digit) & 15)
        SerialPort.put(digit < 10 ? 0x30 + digit : 0x57 + digit)
    }
}
