import ABI
import Foundation
import SystemImage

/// Adds function names to the addresses in the lines by which the kernel and root report a failure.
///
/// Two kinds of line hold addresses: `backtrace: 0x… 0x…` of the kernel, and `fault: NAME … pc 0x… …` about a tenant.
final class Symboliser {
    private let channels: [Channel]
    private var programs: [URL: SymbolTable] = [:]

    init(channels: [Channel]) { self.channels = channels }

    /// Returns the line, followed by the functions at its addresses.
    func annotate(_ line: String, from number: UInt8) -> String {
        guard let channel = channels.first(where: { $0.number == number }), channel.kind != .machine else {
            return line
        }
        if channel.kind == .kernel, let found = line.range(of: "backtrace:") {
            return line + names(of: Symboliser.addresses(in: line[found.upperBound...]), in: channel)
        }
        if let found = line.range(of: "fault: ") {
            let words = line[found.upperBound...].split(separator: " ")
            guard let name = words.first, let tenant = channels[named: String(name)],
                let marker = words.firstIndex(of: "pc"), marker + 1 < words.endIndex
            else { return line }
            return line + names(of: Symboliser.addresses(in: words[marker + 1]), in: tenant)
        }
        return line
    }

    private func names(of addresses: [UInt64], in channel: Channel) -> String {
        guard let program = channel.program, let table = table(of: program) else { return "" }
        return addresses.map { address in
            let place = place(of: address, in: program).map { " at \($0)" } ?? ""
            return "\n    0x\(String(address, radix: 16)) \(table.symbol(at: address) ?? "??")\(place)"
        }.joined()
    }

    private func table(of program: URL) -> SymbolTable? {
        if let table = programs[program] { return table }
        let table = (try? Data(contentsOf: program)).flatMap { try? SymbolTable(elf: $0) }
        programs[program] = table
        return table
    }

    /// Returns the place in the sources and the reason of a trap there, if the program holds them.
    private func place(of address: UInt64, in program: URL) -> TrapPlace? {
        let arguments = ["--obj=\(program.path)", "--inlines", "--basenames", "0x\(String(address, radix: 16))"]
        return (try? Subprocess("llvm-symbolizer", arguments).text()).flatMap(TrapPlace.init(symbolizer:))
    }

    /// Returns the hexadecimal numbers with `0x` in a text.
    static func addresses(in text: Substring) -> [UInt64] {
        text.split(whereSeparator: { !$0.isLetter && !$0.isNumber }).compactMap { word in
            word.hasPrefix("0x") ? UInt64(word.dropFirst(2), radix: 16) : nil
        }
    }
}
