import ABI
import AArch64Support
import KernelCore

extension BootSeed {
    /// Returns the seed in the device tree that the boot loader names, or zeros. It must be read before root gets the
    /// RAM in which the tree lies.
    static func read(deviceTree address: UInt64) -> InlineArray<4, UInt64> {
        let limit = readable(at: address)
        return find(limit: limit) { memory_read64(address &+ $0) } ?? InlineArray<4, UInt64>(repeating: 0)
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
