import ABI
@_spi(Kernel) import Entente
import RuntimeSupport
import Synchronization
import VirtualPlatform

// The contents of the machine's flash: memory that outlives the monitor. The monitor can write it at an address of its
// own, and maps it for the machine, read-only, while the flash shows its contents.
extension KernelEnvironment {
    func flashWord(at offset: UInt64) -> UInt32 {
        guard let address = FlashMemory.own?.address(of: offset, size: 4) else { return 0 }
        // SAFETY: see `FlashMemory.address`. Only the monitor writes there, under the flash's lock.
        return unsafe UnsafePointer<Atomic<UInt32>>(bitPattern: UInt(address)).unsafelyUnwrapped.pointee
            .load(ordering: .relaxed)
    }

    func setFlashWord(at offset: UInt64, _ value: UInt32) {
        guard let address = FlashMemory.own?.address(of: offset, size: 4) else { return }
        // SAFETY: as in `flashWord`.
        unsafe UnsafePointer<Atomic<UInt32>>(bitPattern: UInt(address)).unsafelyUnwrapped.pointee
            .store(value, ordering: .relaxed)
        // The guest may read it with its caches off.
        entente_clean_to_memory(address, 4)
    }

    func eraseFlash(at offset: UInt64, lanes: UInt32) {
        let size = MachineFlash.sectorSize
        guard let address = FlashMemory.own?.address(of: offset, size: size) else { return }
        let mask = UInt64(lanes) << 32 | UInt64(lanes)
        for place in stride(from: address, to: address + size, by: 8) {
            // SAFETY: as in `flashWord`; the whole sector lies in the memory.
            let word = unsafe UnsafePointer<Atomic<UInt64>>(bitPattern: UInt(place)).unsafelyUnwrapped
            // SAFETY: as above.
            unsafe word.pointee.store(word.pointee.load(ordering: .relaxed) | mask, ordering: .relaxed)
        }
        entente_clean_to_memory(address, size)
    }

    func showFlash() -> Bool { FlashMemory.own?.show() ?? false }
    func hideFlash() { FlashMemory.own?.hide() }
}
