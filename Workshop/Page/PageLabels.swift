/// The titles that a text gives to names of figures.
struct PageLabels: Equatable, ExpressibleByDictionaryLiteral {
    private var titles: [String: String]

    init(dictionaryLiteral elements: (String, String)...) { titles = Dictionary(elements) { $1 } }

    /// Returns the title of the name, or that of its last words behind a dot: `.loop` is a title for every name that
    /// ends so. The longest one counts.
    subscript(name: String) -> String? {
        if let title = titles[name] { return title }
        var rest = name[...]
        while let dot = rest.firstIndex(of: ".") {
            if let title = titles[String(rest[dot...])] { return title }
            rest = rest[rest.index(after: dot)...]
        }
        return nil
    }

    /// Sets the title for a name, or for all names with such an end if it begins with a dot.
    mutating func add(_ title: String, for name: String) { titles[name] = title }
}
