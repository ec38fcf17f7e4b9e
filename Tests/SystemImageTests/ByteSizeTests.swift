import Testing

@testable import SystemImage

@Suite struct ByteSizeTests {
    @Test(arguments: [
        ("0", 0), ("4096", 4096), ("64KiB", 65536), ("256MiB", 256 << 20), ("1GiB", 1 << 30), ("1 GiB", 1 << 30),
    ])
    func reads(text: String, bytes: UInt64) {
        #expect(ByteSize(text)?.bytes == bytes)
    }

    @Test(arguments: [
        "", "MiB", "256MB", "256mib", "1.5GiB", "-1", "4 ", "1TiB", "0x10", "18446744073709551616", "99999999999GiB",
    ])
    func refuses(text: String) {
        #expect(ByteSize(text) == nil)
    }

    @Test(arguments: [(0, "0"), (1, "1"), (4096, "4KiB"), (256 << 20, "256MiB"), (3 << 30, "3GiB"), (4097, "4097")])
    func writes(bytes: UInt64, text: String) {
        #expect(ByteSize(bytes: bytes).description == text)
    }
}
