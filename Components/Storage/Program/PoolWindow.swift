import DiskPool
import Entente
import RuntimeSupport

/// The memory of a pool in this component's own window, and the windows of the clients.
///
/// The pool's memory is this component's alone, apart from the device, which accesses it only while a request of the
/// pool is under way. A client may change its window at any time, so the pool never decides anything by bytes of a
/// client's window.
@safe
struct PoolWindow: PoolMemory {
    private let base: UInt64
    private let size: Int
    private let windows: ClientWindows

    /// - Parameters:
    ///   - window: this component's own window, which it can access.
    ///   - offset: the first byte of the pool in it; a multiple of the size of a unit.
    init(_ window: Resource, offset: Int, size: Int, _ windows: ClientWindows) {
        precondition(window.address != 0 && offset >= 0 && size >= 0 && offset + size <= Int(window.size))
        (base, self.size, self.windows) = (window.address + UInt64(offset), size, windows)
    }

    @inline(__always)
    private func address(_ offset: Int, _ count: Int) -> UInt64 {
        precondition(offset >= 0 && count >= 0 && offset <= size - count, "the pool leaves its memory")
        return base &+ UInt64(truncatingIfNeeded: offset)
    }

    @inline(__always) func load(_ offset: Int) -> UInt32 { entente_read32(address(offset, 4)) }
    @inline(__always) func store(_ offset: Int, _ word: UInt32) { entente_write32(address(offset, 4), word) }

    func checksum(_ offset: Int, count: Int) -> UInt32 { entente_crc32c(address(offset, count), UInt64(count)) }

    func clear(_ offset: Int, count: Int) { clear(address(offset, count), count) }

    func checksum(window: Int, _ offset: Int, count: Int) -> UInt32 {
        guard let place = windows.address(window, offset, count) else { return 0 }
        return entente_crc32c(place, UInt64(count))
    }

    func clear(window: Int, _ offset: Int, count: Int) {
        guard let place = windows.address(window, offset, count) else { return }
        clear(place, count)
    }

    func copy(window: Int, _ offset: Int, to: Int, count: Int) {
        guard let place = windows.address(window, offset, count) else { return }
        copy(address(to, count), place, count)
    }

    func copy(_ from: Int, toWindow window: Int, _ offset: Int, count: Int) {
        guard let place = windows.address(window, offset, count) else { return }
        copy(place, address(from, count), count)
    }

    private func clear(_ place: UInt64, _ count: Int) {
        if (place | UInt64(count)) & 63 == 0 { return entente_zero_blocks(place, UInt64(count)) }
        for offset in stride(from: 0, to: UInt64(count), by: 4) { entente_write32(place &+ offset, 0) }
    }

    private func copy(_ to: UInt64, _ from: UInt64, _ count: Int) {
        if (to | from | UInt64(count)) & 63 == 0 { return entente_copy_blocks(to, from, UInt64(count)) }
        for offset in stride(from: 0, to: UInt64(count), by: 4) {
            entente_write32(to &+ offset, entente_read32(from &+ offset))
        }
    }
}

/// The windows of all clients, by their numbers.
struct ClientWindows {
    private var addresses: [UInt64] = []
    private var sizes: [UInt64] = []

    init() {
        var windows = Configuration.resources(of: .window)
        while let window = windows.next() {
            let number = Int(truncatingIfNeeded: window.detail)
            while addresses.count <= number {
                addresses.append(0)
                sizes.append(0)
            }
            (addresses[number], sizes[number]) = (window.address, window.size)
        }
    }

    func size(_ number: Int) -> UInt64 { sizes.indices.contains(number) ? sizes[number] : 0 }

    /// Returns the address of bytes of a window; nil if they do not lie in it.
    func address(_ number: Int, _ offset: Int, _ count: Int) -> UInt64? {
        guard addresses.indices.contains(number), addresses[number] != 0, offset >= 0, count >= 0,
            UInt64(offset) + UInt64(count) <= sizes[number]
        else { return nil }
        return addresses[number] + UInt64(offset)
    }
}
