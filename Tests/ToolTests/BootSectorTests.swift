import Testing

@testable import Tool

@Suite struct BootSectorTests {
    /// An MBR (UEFI 2.10, 5.2.1) with one bootable partition of Linux, which begins with the disk and ends beyond it.
    @Test func thePartitionIsTheDisk() {
        let sector = [UInt8](BootSector.ofWholeDisk)
        #expect(sector.count == 512 && sector[510...] == [0x55, 0xAA])
        #expect(sector[446] == 0x80 && sector[450] == 0x83)
        #expect(sector[454..<458] == [0, 0, 0, 0] && sector[458..<462] == [0xFF, 0xFF, 0xFF, 0xFF])
        #expect(sector[..<446].allSatisfy { $0 == 0 } && sector[462..<510].allSatisfy { $0 == 0 })
    }
}
