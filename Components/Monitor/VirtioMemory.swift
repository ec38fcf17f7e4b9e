import ABI
@_spi(Kernel) import Entente
import RuntimeSupport
import Synchronization
import VirtualPlatform

/// The pages that the monitor shares with the backend of its machine's disks, and the backend's notification. A machine
/// without disks has none.
@safe
struct VirtioMemory {
    /// The address of the first page; 0 if there is none.
    private let address: UInt64
    private let backend: UInt32

    init() {
        let resource = Configuration.resource(.virtioPages, named: "virtio")
        address = resource?.address ?? 0
        backend = UInt32(truncatingIfNeeded: resource?.slot ?? 0)
    }

    var isPresent: Bool { address != 0 }

    // SAFETY (of all): root has mapped the three pages there, for as long as the monitor lives, and `place` checks that
    // the access lies inside of them. The backend and the guest access them at the same time, so that each access is
    // atomic.

    func loadWord(_ offset: Int) -> UInt64 {
        let word = unsafe UnsafePointer<Atomic<UInt64>>(bitPattern: place(offset, 8)).unsafelyUnwrapped
        return unsafe word.pointee.load(ordering: .sequentiallyConsistent)
    }

    func storeWord(_ value: UInt64, _ offset: Int) {
        let word = unsafe UnsafePointer<Atomic<UInt64>>(bitPattern: place(offset, 8)).unsafelyUnwrapped
        unsafe word.pointee.store(value, ordering: .sequentiallyConsistent)
    }

    func loadRegister(_ offset: Int) -> UInt32 {
        let word = unsafe UnsafePointer<Atomic<UInt32>>(bitPattern: place(offset, 4)).unsafelyUnwrapped
        return unsafe word.pointee.load(ordering: .relaxed)
    }

    /// Stores a register, and cleans its line, because the machine reads the page as device memory, past the caches.
    func storeRegister(_ value: UInt32, _ offset: Int) {
        let address = place(offset, 4)
        let word = unsafe UnsafePointer<Atomic<UInt32>>(bitPattern: address).unsafelyUnwrapped
        unsafe word.pointee.store(value, ordering: .releasing)
        entente_clean_line(UInt64(address))
    }

    private func place(_ offset: Int, _ size: Int) -> UInt {
        precondition(
            isPresent && offset >= 0 && offset & (size - 1) == 0 && offset <= Int(VirtioPages.size) - size,
            "an access outside of the virtio pages")
        return UInt(address) + UInt(offset)
    }

    func tellBackend() { signal(backend, bits: VirtioPages.BackendEvent.control) }
}
