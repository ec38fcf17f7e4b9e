import ABI
import Foundation

/// A component's program, taken from its ELF file.
public struct Program: Sendable {
    public struct Segment: Sendable {
        /// A multiple of 4 KiB.
        public var address: UInt64
        public var data: Data
        /// Bytes in memory, a multiple of 4 KiB; what `data` does not fill is zero.
        public var memorySize: UInt64
        /// `ABI.Rights` bits.
        public var rights: UInt8
    }

    /// By ascending address; at most four.
    public let segments: [Segment]
    public let entry: UInt64
    public let symbols: SymbolTable
    /// Bytes of stack for each of its threads; a multiple of 4 KiB.
    public var stackSize: UInt64 = Self.defaultStackSize

    public static let defaultStackSize: UInt64 = 32 << 10
    /// Returns what a stack takes beyond the default, which messages count as the system's own.
    static func beyondDefaultStack(_ size: UInt64) -> UInt64 { max(size, defaultStackSize) - defaultStackSize }

    static let pageSize: UInt64 = 4096
    static let maximumSegments = 4

    /// A program without symbols. `SystemImageWriter` relies on what `init(elf:)` checks.
    init(segments: [Segment], entry: UInt64) {
        (self.segments, self.entry, symbols) = (segments, entry, SymbolTable())
    }

    /// - Parameter elf: An executable for AArch64, linked with `Kit/component.ld`.
    /// - Throws: `Failure` when it is none, when a segment lies outside a component's program space, when two share
    ///   a page, or when one is both writable and executable.
    public init(elf: Data) throws(Failure) {
        let file = try ELFFile(elf)
        let loaded = file.segments.sorted { $0.virtualAddress < $1.virtualAddress }
        guard loaded.count <= Self.maximumSegments else {
            throw Self.unfit("it has \(loaded.count) segments, and \(Self.maximumSegments) are possible")
        }
        var segments: [Segment] = []
        var end = ComponentLayout.image
        for segment in loaded {
            try Self.check(segment, after: end)
            end = (segment.virtualAddress + segment.memorySize).aligned(to: Self.pageSize)
            segments.append(
                Segment(
                    address: segment.virtualAddress, data: file.contents(of: segment),
                    memorySize: end - segment.virtualAddress, rights: Self.rights(of: segment)))
        }
        let entry = file.entry
        guard segments.contains(where: { $0.rights & Rights.execute.rawValue != 0 && $0.contains(entry) }) else {
            throw Self.unfit("its entry \(hex(entry)) lies in no executable segment")
        }
        guard entry.isMultiple(ofSize: 4) else { throw Self.unfit("its entry \(hex(entry)) is not aligned") }
        self.segments = segments
        self.entry = entry
        symbols = try SymbolTable(elf: elf)
    }

    /// The function that holds `address` as `name + 0x12`, or nil when there is none.
    public func symbol(at address: UInt64) -> String? { symbols.symbol(at: address) }

    /// Bytes of its memory: what it shares with the image, and what it has for itself.
    public var memorySize: UInt64 { segments.reduce(0) { $0 + $1.memorySize } }

    private static func check(_ segment: ELFFile.Segment, after end: UInt64) throws(Failure) {
        let address = segment.virtualAddress
        guard address.isMultiple(ofSize: pageSize) else {
            throw unfit("the segment for \(hex(address)) does not begin on a page of 4 KiB")
        }
        guard address >= end else {
            throw unfit(
                end == ComponentLayout.image
                    ? "the segment for \(hex(address)) lies below \(hex(end)), where programs begin"
                    : "the segment for \(hex(address)) overlaps the one before it, which ends at \(hex(end))")
        }
        // The lowest stack, that of core 7, ends where programs have to end.
        let limit = ComponentLayout.stackTop - 8 * ComponentLayout.stackStride
        guard address <= limit, segment.memorySize <= limit - address else {
            throw unfit(
                "the segment for \(hex(address)) reaches beyond \(hex(limit)), where the stacks begin",
                remedy: "make its static data smaller; what is large comes out of 'memory' of the manifest")
        }
        guard !(segment.isWritable && segment.isExecutable) else {
            throw unfit("the segment for \(hex(address)) is both writable and executable")
        }
    }

    private static func rights(of segment: ELFFile.Segment) -> UInt8 {
        var rights: Rights = []
        if segment.isReadable { rights.insert(.read) }
        if segment.isWritable { rights.insert(.write) }
        if segment.isExecutable { rights.insert(.execute) }
        return rights.rawValue
    }

    private static func unfit(_ what: String, remedy: String = "link it with Kit/component.ld") -> Failure {
        Failure("the program cannot be a component: \(what)", remedy: remedy)
    }
}

extension Program.Segment {
    func contains(_ address: UInt64) -> Bool { address >= self.address && address - self.address < memorySize }
}
