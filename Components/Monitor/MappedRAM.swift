import RuntimeSupport
import Synchronization
import VirtualPlatform

/// The machine's RAM in the monitor's space, mapped at its guest-physical address.
///
/// The guest starts with its caches off. A cache line that is written back later would destroy data that the guest
/// has stored by then, so each write goes to memory at once.
struct MappedRAM: GuestMemoryAccess {
    func load(_ word: GuestRange) -> UInt64 {
        entente_clean_to_memory(word.address, word.size)
        // SAFETY: a `GuestRange` is RAM of the machine, all of which the monitor has mapped there for as long as it
        // lives; `GuestMemory` has checked size and alignment. The guest may change the word at any time, so that it is
        // read once, atomically.
        let pointer = unsafe UnsafePointer<Atomic<UInt64>>(bitPattern: UInt(word.address)).unsafelyUnwrapped
        return unsafe pointer.pointee.load(ordering: .relaxed)
    }

    func store(_ value: UInt64, _ word: GuestRange) {
        // SAFETY: as above.
        let pointer = unsafe UnsafePointer<Atomic<UInt64>>(bitPattern: UInt(word.address)).unsafelyUnwrapped
        unsafe pointer.pointee.store(value, ordering: .relaxed)
        entente_clean_to_memory(word.address, word.size)
    }

    func clear(_ range: GuestRange) {
        entente_zero_to_memory(range.address, range.size)
    }

    func fill(_ range: GuestRange, from source: UInt64) {
        entente_copy_to_memory(range.address, source, range.size)
    }
}
