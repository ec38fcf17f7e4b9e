import Entente

/// The memory of a test that fake devices reach, at addresses of the devices.
///
///     let bus = FakeBus()
///     bus.add(driver.addDMAMemory("queues", size: 65536))
public final class FakeBus {
    private var ranges: [(address: UInt64, size: UInt64, place: UInt64)] = []
    /// The accesses of devices to addresses at which the bus has no memory.
    public private(set) var strayAccesses: [String] = []

    public init() {}

    /// Adds memory of the test's own, which must outlive the bus.
    public func add(_ memory: UnsafeMutableRawBufferPointer, at deviceAddress: UInt64) {
        add(address: deviceAddress, size: UInt64(memory.count), place: UInt64(UInt(bitPattern: memory.baseAddress)))
    }

    func add(address: UInt64, size: UInt64, place: UInt64) { ranges.append((address, size, place)) }

    /// Reads bytes, or returns nil if they are not all memory of one piece.
    public func read(_ address: UInt64, count: Int) -> [UInt8]? {
        place(address, count, "read").map { [UInt8](UnsafeRawBufferPointer(start: $0, count: count)) }
    }

    /// Writes bytes. Returns false if the place is not all memory of one piece.
    @discardableResult
    public func write(_ bytes: [UInt8], at address: UInt64) -> Bool {
        guard let place = place(address, bytes.count, "write") else { return false }
        bytes.withUnsafeBytes { place.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        return true
    }

    /// Reads a number of `width` bytes; 0 where there is no memory.
    func number(_ address: UInt64, width: Int) -> UInt64 {
        (read(address, count: width) ?? []).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    func store(_ number: UInt64, at address: UInt64, width: Int) {
        write((0..<width).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) }, at: address)
    }

    private func place(_ address: UInt64, _ count: Int, _ access: String) -> UnsafeMutableRawPointer? {
        for range in ranges
        where address >= range.address && address - range.address <= range.size
            && UInt64(count) <= range.size - (address - range.address)
        {
            return UnsafeMutableRawPointer(bitPattern: UInt(range.place + address - range.address))
        }
        strayAccesses.append("\(access) of \(count) bytes at 0x\(String(address, radix: 16))")
        return nil
    }
}
