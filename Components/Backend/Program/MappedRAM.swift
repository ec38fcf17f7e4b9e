import ABI
import RuntimeSupport
import Synchronization
import Virtio
import VirtualPlatform

/// The machine's RAM in the backend's space, mapped at its guest-physical address, and the window beside it.
///
/// The driver in the guest and the device use caches alike, as `dma-coherent` in the machine's device tree says.
@safe
struct MappedRAM: GuestRAM {
    let bounds: GuestBounds
    private let window: UInt64
    private let windowSize: UInt64

    init(_ range: MemoryRange, window: Resource) {
        bounds = GuestBounds(range)
        (self.window, windowSize) = (window.address, window.size)
    }

    // SAFETY (of all): a `GuestRange` is RAM of the machine, all of which root has mapped there for as long as this
    // program lives. The caller promises its size and alignment. The guest may change the bytes at any time, so that
    // each access is one atomic load or store.

    @inline(__always)
    func load(_ range: GuestRange) -> UInt64 {
        let place = UInt(range.address)
        switch range.size {
        case 1:
            return UInt64(unsafe UnsafePointer<Atomic<UInt8>>(bitPattern: place)!.pointee.load(ordering: .relaxed))
        case 2:
            return UInt64(unsafe UnsafePointer<Atomic<UInt16>>(bitPattern: place)!.pointee.load(ordering: .relaxed))
        case 4:
            return UInt64(unsafe UnsafePointer<Atomic<UInt32>>(bitPattern: place)!.pointee.load(ordering: .relaxed))
        default: return unsafe UnsafePointer<Atomic<UInt64>>(bitPattern: place)!.pointee.load(ordering: .relaxed)
        }
    }

    @inline(__always)
    func store(_ value: UInt64, _ range: GuestRange) {
        let place = UInt(range.address)
        switch range.size {
        case 1:
            unsafe UnsafePointer<Atomic<UInt8>>(bitPattern: place)!.pointee.store(
                UInt8(truncatingIfNeeded: value), ordering: .relaxed)
        case 2:
            unsafe UnsafePointer<Atomic<UInt16>>(bitPattern: place)!.pointee.store(
                UInt16(truncatingIfNeeded: value), ordering: .relaxed)
        case 4:
            unsafe UnsafePointer<Atomic<UInt32>>(bitPattern: place)!.pointee.store(
                UInt32(truncatingIfNeeded: value), ordering: .relaxed)
        default: unsafe UnsafePointer<Atomic<UInt64>>(bitPattern: place)!.pointee.store(value, ordering: .relaxed)
        }
    }

    @inline(__always)
    func loadOrdered(_ range: GuestRange) -> UInt64 {
        let index = unsafe UnsafePointer<Atomic<UInt16>>(bitPattern: UInt(range.address)).unsafelyUnwrapped
        return UInt64(unsafe index.pointee.load(ordering: .sequentiallyConsistent))
    }

    @inline(__always)
    func storeOrdered(_ value: UInt64, _ range: GuestRange) {
        let index = unsafe UnsafePointer<Atomic<UInt16>>(bitPattern: UInt(range.address)).unsafelyUnwrapped
        unsafe index.pointee.store(UInt16(truncatingIfNeeded: value), ordering: .sequentiallyConsistent)
    }

    // Both are inlined, because a call would get a copy of the backend's tables.

    @inline(__always)
    func copy(_ range: GuestRange, toWindow offset: UInt64, isLarge: Bool) {
        guard isInWindow(offset, range.size) else { return }
        // SAFETY: as above, and the guard has checked the place in the window. If the guest changes the bytes
        // meanwhile, it only gets other contents on its own disk.
        Self.move(range.address, to: window &+ offset, range.size, isLarge)
    }

    @inline(__always)
    func copy(fromWindow offset: UInt64, to range: GuestRange, isLarge: Bool) {
        guard isInWindow(offset, range.size) else { return }
        // SAFETY: as above.
        Self.move(window &+ offset, to: range.address, range.size, isLarge)
    }

    /// Copies bytes. The caller knows that both places are mapped.
    ///
    /// Large copies take vector registers, which need 144 instructions for 4 KiB instead of 576. The first use after
    /// another context has run costs an entry into the kernel, and the guest's next use another one: 930 instructions
    /// together.
    @inline(never)
    private static func move(_ from: UInt64, to: UInt64, _ size: UInt64, _ isLarge: Bool) {
        var done: UInt64 = 0
        if isLarge, (from | to) & 15 == 0 {
            done = size & ~63
            if done > 0 { entente_copy_blocks(to, from, done) }
        }
        guard done < size else { return }
        // SAFETY: the caller's promise.
        let target = unsafe UnsafeMutableRawPointer(bitPattern: UInt(to &+ done)).unsafelyUnwrapped
        let source = unsafe UnsafeRawPointer(bitPattern: UInt(from &+ done)).unsafelyUnwrapped
        unsafe target.copyMemory(from: source, byteCount: Int(size &- done))
    }

    @inline(__always)
    private func isInWindow(_ offset: UInt64, _ size: UInt64) -> Bool {
        offset <= windowSize && windowSize &- offset >= size
    }
}
