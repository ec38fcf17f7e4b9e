import Foundation

/// The result of a run of Xen.
struct XenRun {
    /// The lines that the script printed.
    var lines: [String] = []
    /// The bytes from the start of RAM where Xen's code is, and those that the first domain has. Addresses of this
    /// domain are those of the board.
    private(set) var (hypervisor, firstDomain) = (UInt64(0)..<0, UInt64(0)..<0)

    private static let startOfRAM: UInt64 = 0x4000_0000

    /// The bytes for which Xen maps its own image (Xen's arch/arm/include/asm/config.h).
    private static let sizeOfXen: UInt64 = 2 << 20

    /// Learns the places from Xen's own messages. For grants, Xen gives the first domain addresses at which it has the
    /// beginning of its own code.
    mutating func hear(_ line: String) {
        if let range = Self.range(in: line, behind: "Grant table range: ") {
            hypervisor = range.lowerBound..<range.lowerBound + Self.sizeOfXen
        }
        if let range = Self.range(in: line, behind: "BANK[0] ") { firstDomain = range }
    }

    /// Returns the range in `0xSTART-0xEND`, from the start of RAM.
    static func range(in line: String, behind mark: String) -> Range<UInt64>? {
        guard let start = line.firstRange(of: mark)?.upperBound,
            let match = line[start...].firstMatch(of: /0x([0-9a-f]+)-0x([0-9a-f]+)/),
            let lower = UInt64(match.1, radix: 16), let upper = UInt64(match.2, radix: 16),
            startOfRAM <= lower, lower < upper
        else { return nil }
        return lower - startOfRAM..<upper - startOfRAM
    }
}
