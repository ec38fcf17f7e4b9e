import Foundation

/// The first sector of a disk whose file system takes the whole disk. U-Boot starts a system from partitions only.
///
/// The sector holds an MBR whose only partition begins with the sector itself, so that the file system lies on the disk
/// and on the partition alike. ext4 leaves the first 1024 bytes free. The partition has the greatest size that an MBR
/// can express, so that it need not change when the disk grows. Linux cuts it off at the end of the disk, and U-Boot
/// reads what the file system names.
enum BootSector {
    static let ofWholeDisk: Data = {
        var sector = [UInt8](repeating: 0, count: 512)
        // The fields are: bootable, no cylinders, the type of Linux's file systems, the start, and the size in sectors.
        sector.replaceSubrange(
            446..<462, with: [0x80, 0, 2, 0, 0x83, 0xFE, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF])
        sector.replaceSubrange(510..<512, with: [0x55, 0xAA])
        return Data(sector)
    }()
}
