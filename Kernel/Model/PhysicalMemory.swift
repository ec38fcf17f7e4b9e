#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif
import KernelCore
import SharedAccess

/// The model's RAM: host memory whose addresses serve as physical addresses. Pages are zero at first, and only
/// touched pages cost host memory.
final class PhysicalMemory {
    let base: PhysicalAddress
    let size: UInt64
    private let mapping: UnsafeMutableRawPointer
    private let mappedSize: Int

    /// The alignment of the start, which allows mappings of blocks of 2 MiB from there on.
    static let alignment: UInt64 = 2 << 20

    /// - Parameter size: in bytes, a multiple of 4 KiB.
    init(size: UInt64) {
        mappedSize = Int(size + Self.alignment)
        guard let address = mmap(nil, mappedSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            address != MAP_FAILED
        else { fatalError("the host has no \(mappedSize) bytes for the model's memory") }
        mapping = address
        let start = UInt64(UInt(bitPattern: address))
        base = PhysicalAddress((start + Self.alignment - 1) & ~(Self.alignment - 1))
        self.size = size
    }

    deinit { munmap(mapping, mappedSize) }

    var end: PhysicalAddress { base + size }

    /// Returns a word that cores, walkers and tenants may access at once. Each access is whole, as on hardware.
    static func word(at address: PhysicalAddress) -> UnsafePointer<AtomicWord> {
        UnsafePointer(bitPattern: UInt(address.value))!
    }

    /// Returns a byte that cores and tenants may access at once.
    static func byte(at address: PhysicalAddress) -> UnsafePointer<SharedUInt8> {
        UnsafePointer(bitPattern: UInt(address.value))!
    }

    static func pointer(to address: PhysicalAddress) -> UnsafeMutablePointer<UInt64> {
        UnsafeMutablePointer(bitPattern: UInt(address.value))!
    }
}
