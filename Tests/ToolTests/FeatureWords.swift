/// Finds the words that name a feature of a manifest, in code, texts and comments alike.
enum FeatureWords {
    private static let features: Set<String> = [
        "machine", "monitor", "guest", "watchdog", "pager", "paging", "ring", "event",
    ]
    /// The pairs of words that name one.
    private static let pairs: Set<String> = [
        "virtual cpu", "console driver", "console queue", "console client", "console channel",
        "console event",
    ]

    /// Returns the features in their order, in small letters.
    static func found(in text: String) -> [String] {
        let words = words(of: text)
        return words.indices.compactMap { index in
            if features.contains(singular(words[index])) { return words[index] }
            guard index > 0 else { return nil }
            let pair = "\(words[index - 1]) \(words[index])"
            return pairs.contains(singular(pair)) ? pair : nil
        }
    }

    private static func singular(_ word: String) -> String { word.hasSuffix("s") ? String(word.dropLast()) : word }

    /// Returns the words of a text, in small letters. A name such as `virtualCPUs` has two.
    private static func words(of text: String) -> [String] {
        text.matches(of: /[A-Z]{2,}s?(?![a-z])|[A-Z]?[a-z]+|[A-Z]/).map { $0.output.lowercased() }
    }
}
