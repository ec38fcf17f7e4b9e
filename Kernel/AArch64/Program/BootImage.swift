import ABI
import AArch64Support
import KernelCore

/// The image behind the kernel, which the host tool has made and checked.
enum BootImage {
    /// The address: the first multiple of `ImageHeader.alignment` behind the kernel.
    static var address: PhysicalAddress {
        @inline(__always) get {
            let mask = ImageHeader.alignment &- 1
            return PhysicalAddress((address_of_kernel_end() &+ mask) & ~mask)
        }
    }

    static var header: Ref<ImageHeader> {
        @inline(__always) get { Ref(at: address) }
    }

    static func check() {
        if header.pointee.magic != ImageHeader.magic {
            panic("no image behind the kernel: magic", header.pointee.magic)
        }
        if header.pointee.version != ImageHeader.version { panic("image version", header.pointee.version) }
        let cores = header.pointee.board.coreCount
        if cores == 0 || cores > UInt64(CoreID.maximum) { panic("number of cores", cores) }
    }

    /// The first byte behind the image.
    static var end: PhysicalAddress { address + header.pointee.size }
}
