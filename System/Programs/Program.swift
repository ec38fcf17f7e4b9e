import ABI
import Foundation

/// The program of a component, as its ELF file holds it.
public struct Program: Sendable {
    public struct Segment: Sendable {
        /// The address; a multiple of 4 KiB.
        public var address: UInt64
        public var data: Data
        /// The number of bytes in memory, a multiple of 4 KiB. The bytes behind `data` are zero.
        public var memorySize: UInt64
        /// The bits of `ABI.Rights`.
        public var rights: UInt8

        package init(address: UInt64, data: Data, memorySize: UInt64, rights: UInt8) {
            (self.address, self.data, self.memorySize, self.rights) = (address, data, memorySize, rights)
        }
    }

    /// The segments by ascending address, at most four.
    public private(set) var segments: [Segment]
    public let entry: UInt64
    public let symbols: SymbolTable
    /// The size of each thread's stack in bytes; a multiple of 4 KiB.
    public var stackSize: UInt64 = Self.defaultStackSize

    public static let defaultStackSize: UInt64 = 32 << 10
    /// Returns what a stack takes beyond the default, which messages count as the system's own.
    static func beyondDefaultStack(_ size: UInt64) -> UInt64 { max(size, defaultStackSize) - defaultStackSize }

    static let pageSize: UInt64 = 4096
    static let maximumSegments = 4

    /// Makes a program without symbols. `SystemImageWriter` relies on the conditions that `init(elf:)` checks.
    init(segments: [Segment], entry: UInt64) {
        (self.segments, self.entry, symbols) = (segments, entry, SymbolTable())
    }

    /// Returns this program with other contents, for a trial that changes its instructions.
    ///
    /// - Parameter segments: at most four, by ascending address. One of them holds the entry.
    package func withSegments(_ segments: [Segment]) throws(Failure) -> Program {
        guard segments.count <= Self.maximumSegments else {
            throw Self.unfit("it would have \(segments.count) segments, but \(Self.maximumSegments) are possible")
        }
        var changed = self
        changed.segments = segments
        return changed
    }

    /// Reads a program.
    ///
    /// - Parameter elf: an executable for AArch64, linked with `Kit/component.ld`.
    /// - Throws: `Failure` if it is none, if a segment lies outside of a component's program space, if two segments
    ///   share a page, or if one is both writable and executable.
    public init(elf: Data) throws(Failure) {
        let file = try ELFFile(elf)
        let loaded = file.segments.sorted { $0.virtualAddress < $1.virtualAddress }
        guard loaded.count <= Self.maximumSegments else {
            throw Self.unfit("it has \(loaded.count) segments, but at most \(Self.maximumSegments) are possible")
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

    /// Returns the function at `address` as `name + 0x12`, or nil if there is none.
    public func symbol(at address: UInt64) -> String? { symbols.symbol(at: address) }

    /// The bytes of its memory, both those that it shares with the image and those of its own.
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
        // The lowest stack, that of core 7, bounds the space of programs.
        let limit = ComponentLayout.stackTop - 8 * ComponentLayout.stackStride
        guard address <= limit, segment.memorySize <= limit - address else {
            throw unfit(
                "the segment for \(hex(address)) reaches beyond \(hex(limit)), where the stacks begin",
                remedy:
                    "make its static data smaller, or allocate large data, for which 'memory' of the manifest provides")
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
