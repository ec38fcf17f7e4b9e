import GuestHardware

/// Returns the 32 bits at an address, or nil if the load takes an exception. The MMU must be off.
public func probe(_ address: UInt64) -> UInt32? {
    let code = guest_code_buffer()
    guest_store32(code, 0xB940_0000)  // ldr w0, [x0]
    guest_store32(code + 4, 0xD65F_03C0)  // ret
    guest_publish_code(code, 8)
    guest_set_attempt_register(0, address)
    let everythingMasked: UInt64 = 0xF << 6
    guard guest_attempt(code, UInt64(UInt32.max >> 1), everythingMasked) == 0 else { return nil }
    return UInt32(truncatingIfNeeded: guest_attempt_result())
}
