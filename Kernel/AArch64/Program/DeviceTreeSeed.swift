import ABI
import AArch64Support
import KernelCore

extension BootSeed {
    /// Returns the seed in the device tree that the boot loader names, combined with numbers of the processor's own
    /// generator (FEAT_RNG), or zeros if the board has neither. It must be read before root gets the RAM in which the
    /// tree lies.
    static func read(deviceTree address: UInt64) -> InlineArray<4, UInt64> {
        let limit = readable(at: address)
        let seed = find(limit: limit) { memory_read64(address &+ $0) } ?? InlineArray<4, UInt64>(repeating: 0)
        guard read_ID_AA64ISAR0_EL1() >> 60 != 0 else { return seed }
        return mixed(seed) {
            let number = read_random_number()
            return number.is_valid != 0 ? number.value : nil
        }
    }

    /// Returns the number of bytes of RAM from the address on, at most as many as a device tree has (Linux,
    /// Documentation/arm64/booting). Returns 0 if the address is not RAM, or not aligned.
    private static func readable(at address: UInt64) -> UInt64 {
        if address & 7 != 0 { return 0 }
        for index in 0..<4 {
            let ram = BootImage.header.pointee.board.ram[index]
            if address >= ram.base, address &- ram.base < ram.size {
                return min(ram.size &- (address &- ram.base), 2 << 20) & ~7
            }
        }
        return 0
    }
}
