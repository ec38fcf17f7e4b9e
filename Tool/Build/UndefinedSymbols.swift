import SystemImage

/// The symbols that a program needs but the board does not have, as the linker reports them.
struct UndefinedSymbols {
    struct Symbol: Equatable {
        var name: String
        /// The place of the use, such as `User.swift:12`, if the program holds line numbers.
        var place: String?
    }

    private(set) var symbols: [Symbol] = []

    /// Reads the linker's messages.
    ///
    /// - Parameter text: the messages of `ld.lld`.
    init(linker text: String) {
        for line in text.split(separator: "\n") {
            if let name = line.firstMatch(of: /undefined symbol: (.+)$/)?.1 {
                symbols.append(Symbol(name: String(name)))
            } else if let last = symbols.indices.last, symbols[last].place == nil,
                let place = line.firstMatch(of: />>> referenced by ([^<: ]+:[1-9][0-9]*)/)?.1
            {
                symbols[last].place = String(place)
            }
        }
    }

    /// Returns the message for the user, or nil if the linker failed for another reason.
    func failure(of program: String) -> Failure? {
        guard let first = symbols.first(where: { $0.place != nil }) ?? symbols.first else { return nil }
        let place = first.place.map { "\($0): " } ?? ""
        let others = symbols.count > 1 ? " (and \(symbols.count - 1) more: \(names(but: first)))" : ""
        return Failure(
            "\(place)the program '\(program)' calls '\(first.name)'\(others), which no library of the board has",
            remedy: UndefinedSymbols.remedy(first.name))
    }

    private func names(but first: Symbol) -> String {
        let names = symbols.filter { $0 != first }.map(\.name)
        return names.prefix(3).joined(separator: ", ") + (names.count > 3 ? ", …" : "")
    }

    private static let mathematics: Set<String> = [
        "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "exp", "exp2", "exp10", "expm1",
        "log",
        "log2", "log10", "log1p", "pow", "cbrt", "hypot", "tgamma", "lgamma", "erf", "erfc",
    ]

    private static func remedy(_ name: String) -> String {
        let bare = name.hasSuffix("f") ? String(name.dropLast()) : name
        if mathematics.contains(name) || mathematics.contains(bare) {
            return
                "a component has no C library; compute it with a table or a polynomial (docs/components.md, 'What Embedded Swift lacks')"
        }
        if name.contains("readLine") || name.hasPrefix("get") {
            return "take bytes with 'Console().take()'"
        }
        return "write it in Swift, or leave it out: docs/components.md, 'What Embedded Swift lacks', has replacements"
    }
}
