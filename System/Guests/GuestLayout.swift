import Foundation

/// The places of a machine's kernel, initial RAM disk and device tree in its RAM.
///
/// The caller works in two steps, because the device tree names the initial RAM disk's address. It makes the layout
/// from sizes, then the device tree, and then all pieces by `modules(initrd:deviceTree:)`.
public struct GuestLayout: Sendable {
    public let image: GuestImage
    /// The address of the initial RAM disk, or nil if there is none.
    public let initrdAddress: UInt64?
    /// The size of the initial RAM disk in bytes.
    public let initrdSize: UInt64
    public let deviceTreeAddress: UInt64
    /// The size that the device tree may have, in bytes; 64 KiB to 2 MiB.
    public let deviceTreeCapacity: UInt64

    private static let granule: UInt64 = 64 << 10

    /// Chooses the places.
    ///
    /// - Parameters:
    ///   - image: the kernel.
    ///   - initrdSize: the size of the initial RAM disk in bytes, or nil if there is none.
    ///   - ramBase: the start of the machine's RAM, for which `image` was made.
    ///   - ramSize: the size of the RAM in bytes.
    /// - Throws: `Failure` if the parts do not fit.
    public init(image: GuestImage, initrdSize: Int?, ramBase: UInt64, ramSize: UInt64) throws(Failure) {
        self.image = image
        self.initrdSize = UInt64(initrdSize ?? 0)
        var end = image.end.aligned(to: Self.granule)
        initrdAddress = initrdSize == nil ? nil : end
        let (initrdEnd, overflow) = end.addingReportingOverflow(self.initrdSize)
        end = overflow ? .max : initrdEnd
        let ramEnd = ramBase + ramSize
        guard let slot = Self.deviceTreeSlot(above: end, ramEnd: ramEnd) else {
            let needed = end.aligned(to: GuestImage.blockSize) - ramBase + GuestImage.blockSize
            throw Failure(
                "kernel, initial RAM disk and device tree reach up to \(hex(end)) and beyond, but the machine's "
                    + "\(ByteSize(bytes: ramSize)) of RAM end at \(hex(ramEnd))",
                remedy: "give the machine more 'memory'; \(ByteSize(bytes: needed)) hold them, and its system needs "
                    + "more")
        }
        (deviceTreeAddress, deviceTreeCapacity) = slot
    }

    /// Returns the start and size of the device tree's place. Linux demands that a device tree does not cross a
    /// multiple of 2 MiB (Documentation/arch/arm64/booting.rst).
    private static func deviceTreeSlot(above end: UInt64, ramEnd: UInt64) -> (UInt64, UInt64)? {
        let preferred = end.aligned(to: GuestImage.blockSize)
        if preferred >= end, preferred < ramEnd, ramEnd - preferred >= granule {
            return (preferred, min(GuestImage.blockSize, ramEnd - preferred))
        }
        // In the last block of a small machine the device tree gets the rest, which the block's end bounds anyway.
        let next = end.aligned(to: granule)
        guard next >= end, next < ramEnd, ramEnd - next >= granule else { return nil }
        let left = min(next.aligned(to: GuestImage.blockSize), ramEnd) - next
        return left >= granule ? (next, left) : nil
    }

    /// Returns all pieces that lie in the machine's RAM when it starts.
    ///
    /// - Parameters:
    ///   - initrd: the initial RAM disk, which must be as large as the layout expects.
    ///   - deviceTree: the device tree, at most `deviceTreeCapacity` bytes.
    public func modules(initrd: Data?, deviceTree: Data) throws(Failure) -> [GuestImage.Module] {
        guard UInt64(initrd?.count ?? 0) == initrdSize, (initrd == nil) == (initrdAddress == nil) else {
            throw Failure(
                "the initial RAM disk has \(initrd?.count ?? 0) bytes, but the device tree was made for \(initrdSize)",
                remedy: "do not change the file while the system is built")
        }
        guard UInt64(deviceTree.count) <= deviceTreeCapacity else {
            throw Failure(
                "the device tree has \(deviceTree.count) bytes, but only \(deviceTreeCapacity) are free for it",
                remedy: "make the machine's device tree overlay smaller, or give the machine more 'memory'")
        }
        var modules = image.modules
        if let initrd, let initrdAddress, !initrd.isEmpty {
            modules.append(GuestImage.Module(address: initrdAddress, data: initrd))
        }
        modules.append(GuestImage.Module(address: deviceTreeAddress, data: deviceTree))
        return modules
    }
}
