import Foundation
import SystemImage
import Tool

extension EntryRecords {
    init(folder: URL) throws {
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        for file in files where file.pathExtension == EntryCounter.suffix { try add(Data(contentsOf: file)) }
    }

    var rows: [BenchRow] {
        Kind.allCases.filter { count($0) > 0 }.flatMap { kind in
            [
                BenchRow("entries.\(kind).count", Double(count(kind)), unit: "entries"),
                BenchRow("entries.\(kind).longest", Double(longest(kind))),
            ]
        } + [BenchRow("entries.longest-wait", Double(longestWait))]
    }

    func text(symbols: SymbolTable, top: Int) -> String {
        let kinds = Kind.allCases.filter { count($0) > 0 }
        var lines = kinds.map { kind in
            "\(kind.title): \(count(kind)) entries, the longest of \(longest(kind)) instructions"
        }
        lines.append("not counted there: waits for the kernel's lock, the longest of \(longestWait)")
        lines += ["", "entries of a length of"]
        for octave in 0..<32 {
            let sum = kinds.filter { $0 != .start }.reduce(UInt64(0)) { $0 + (octaves[$1]?[octave] ?? 0) }
            if sum > 0 { lines.append("  \(1 << octave) to \((2 << octave) - 1): \(sum)") }
        }
        lines += ["", "the longest paths"]
        for path in longestFirst.prefix(top) {
            lines.append(
                "  \(path.longest) instructions (\(path.kind.title), \(path.count) entries, "
                    + "mean \(path.total / path.count))"
            )
            lines += path.parts.prefix(6).map {
                "      \($0.instructions) in \(Self.shortName(symbols.symbol(at: $0.function)))"
            }
        }
        return lines.joined(separator: "\n")
    }

    /// Returns a demangled name in the short form `Kernel.exchangeGuest`.
    static func shortName(_ name: String?) -> String {
        guard var text = name else { return "?" }
        // Private names have the form "(exchangeGuest in _5441…)".
        text.replace(/\((\w+) in _[0-9A-F]+\)/) { String($0.1) }
        if text.contains("specialization <"), let start = text.range(of: "> of ", options: .backwards) {
            text = String(text[start.upperBound...])
        }
        text.replace(/^static |\(extension in \w+\):/, with: "")
        return text.prefix { $0 != "(" && $0 != "<" }.split(separator: ".").suffix(2).joined(separator: ".")
    }
}
