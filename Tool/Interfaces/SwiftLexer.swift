/// Divides Swift source into words and punctuation, as far as reading an interface needs it. It leaves out comments and
/// the contents of strings.
struct SwiftLexer {
    struct Token: Equatable {
        var text: String
        /// The number of the line. Line and column count from 1.
        var line: Int
        var column: Int

        var isWord: Bool { text.first.map { $0.isLetter || $0 == "_" || $0 == "`" } ?? false }
    }

    /// The words that need backticks to be an expression.
    static let keywords: Set<String> = [
        "Any", "Self", "as", "associatedtype", "break", "case", "catch", "class", "continue", "default", "defer",
        "deinit", "do",
        "else", "enum", "extension", "fallthrough", "false", "fileprivate", "for", "func", "guard", "if", "import",
        "in", "init",
        "inout", "internal", "is", "let", "nil", "operator", "private", "protocol", "public", "repeat", "rethrows",
        "return",
        "self", "static", "struct", "subscript", "super", "switch", "throw", "throws", "true", "try", "typealias",
        "var", "where",
        "while",
    ]

    private let characters: [Character]
    private var index = 0
    private var line = 1
    private var column = 1

    static func tokens(of source: String) -> [Token] {
        var lexer = SwiftLexer(characters: Array(source))
        var tokens: [Token] = []
        while let token = lexer.next() { tokens.append(token) }
        return tokens
    }

    private init(characters: [Character]) { self.characters = characters }

    private func peek(_ distance: Int = 0) -> Character? {
        index + distance < characters.count ? characters[index + distance] : nil
    }

    private mutating func advance() {
        if characters[index].isNewline {
            line += 1
            column = 1
        } else {
            column += 1
        }
        index += 1
    }

    private mutating func next() -> Token? {
        skipBlanks()
        guard let character = peek() else { return nil }
        let start = (index, line, column)
        if character.isLetter || character.isNumber || character == "_" {
            while let next = peek(), next.isLetter || next.isNumber || next == "_" { advance() }
        } else if character == "`" {
            advance()
            while let next = peek(), next != "`" { advance() }
            if peek() != nil { advance() }
        } else if character == "\"" {
            skipString()
        } else if character == "-", peek(1) == ">" {
            advance()
            advance()
        } else {
            advance()
        }
        return Token(text: String(characters[start.0..<index]), line: start.1, column: start.2)
    }

    private mutating func skipBlanks() {
        while let character = peek() {
            if character.isWhitespace {
                advance()
            } else if character == "/", peek(1) == "/" {
                while let next = peek(), !next.isNewline { advance() }
            } else if character == "/", peek(1) == "*" {
                skipBlockComment()
            } else {
                return
            }
        }
    }

    private mutating func skipBlockComment() {
        var depth = 0
        while peek() != nil {
            if peek() == "/", peek(1) == "*" {
                depth += 1
                advance()
            } else if peek() == "*", peek(1) == "/" {
                depth -= 1
                advance()
            }
            advance()
            if depth == 0 { return }
        }
    }

    private mutating func skipString() {
        let isLong = peek(1) == "\"" && peek(2) == "\""
        for _ in 0..<(isLong ? 3 : 1) { advance() }
        while let character = peek() {
            if character == "\\", peek(1) != nil {
                advance()
                advance()
                continue
            }
            if character == "\"", !isLong || (peek(1) == "\"" && peek(2) == "\"") {
                for _ in 0..<(isLong ? 3 : 1) { advance() }
                return
            }
            if character.isNewline, !isLong { return }
            advance()
        }
    }
}
