import Foundation

/// The functions of an ELF file by address, for backtraces.
public struct SymbolTable: Sendable {
    public struct Symbol: Sendable, Equatable {
        public var name: String
        /// The address at link time.
        public var address: UInt64
        /// The size in bytes, or 0 if the file gives none (assembly).
        public var size: UInt64
    }

    /// The functions by ascending address.
    public let symbols: [Symbol]

    /// Makes an empty table.
    init() { symbols = [] }

    /// Reads `.symtab`. The table is empty if the file has none.
    public init(elf: Data) throws(Failure) {
        let reader = try ELFFile(elf).reader
        let table = try reader.word64(40)
        let entrySize = UInt64(try reader.word16(58))
        let count = UInt64(try reader.word16(60))
        guard count > 0 else {
            symbols = []
            return
        }
        guard entrySize == 64, reader.contains(table, count * entrySize) else {
            throw ELFFile.damaged("its section headers lie outside it")
        }
        var found: [Symbol] = []
        for index in 0..<count {
            let header = table + index * entrySize
            guard try reader.word32(header + 4) == 2 else { continue }
            let link = UInt64(try reader.word32(header + 40))
            guard link < count else { throw ELFFile.damaged("its symbols have no names") }
            try Self.append(&found, reader, section: header, strings: table + link * entrySize)
            // A file has one such table (System V ABI, "Sections"). The loop ends here so that a hostile file cannot
            // prolong it.
            break
        }
        symbols = found.sorted { ($0.address, $0.name) < ($1.address, $1.name) }
    }

    /// Returns the function at `address` as `name + 0x12`, or nil if there is none.
    public func symbol(at address: UInt64) -> String? {
        var low = 0
        var high = symbols.count
        while low < high {
            let middle = (low + high) / 2
            if symbols[middle].address <= address { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return nil }
        let symbol = symbols[low - 1]
        let distance = address - symbol.address
        guard symbol.size == 0 || distance < symbol.size else { return nil }
        return distance == 0 ? symbol.name : "\(symbol.name) + \(hex(distance))"
    }

    private static let entrySize: UInt64 = 24

    private static func append(
        _ found: inout [Symbol], _ reader: ByteReader, section: UInt64, strings: UInt64
    ) throws(Failure) {
        let offset = try reader.word64(section + 24)
        let size = try reader.word64(section + 32)
        guard reader.contains(offset, size),
            let names = reader.slice(try reader.word64(strings + 24), try reader.word64(strings + 32))
        else { throw ELFFile.damaged("its symbol table reaches beyond its end") }
        for index in 0..<size / entrySize {
            let entry = offset + index * entrySize
            let kind = try reader.byte(entry + 4) & 15
            let section = try reader.word16(entry + 6)
            let nameOffset = UInt64(try reader.word32(entry))
            // The table keeps functions, and the untyped labels of assembly. It leaves out labels that mark data ($d)
            // or code ($x), undefined symbols, and numbers (SHN_ABS).
            guard kind == 2 || kind == 0, section != 0, section != 0xFFF1, nameOffset < names.count else { continue }
            let tail = names[(names.startIndex + Int(nameOffset))...]
            let name = String(decoding: tail.prefix { $0 != 0 }, as: UTF8.self)
            guard !name.isEmpty, !name.hasPrefix("$d"), !name.hasPrefix("$x") else { continue }
            found.append(
                Symbol(
                    name: demangled(name), address: try reader.word64(entry + 8), size: try reader.word64(entry + 16)))
        }
    }
}
