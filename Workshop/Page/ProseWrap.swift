/// Breaks the prose of a Markdown text into lines, as the documents of the repository have it.
enum ProseWrap {
    /// Returns the text with paragraphs and items of lists broken at `width` characters. Headings, tables, code, quoted
    /// lines and links that stand alone stay as they are.
    static func wrapped(_ text: String, width: Int = 120) -> String {
        var (output, paragraph): ([String], [Substring]) = ([], [])
        var isInCode = false
        func end() {
            output += lines(of: paragraph, width)
            paragraph = []
        }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let content = line.drop { $0 == " " }
            let isFence = content.hasPrefix("```")
            if isInCode || isFence || content.isEmpty || stands(content) {
                end()
                output.append(String(line))
            } else {
                if isItem(content) { end() }
                paragraph.append(line)
            }
            if isFence { isInCode.toggle() }
        }
        end()
        return output.joined(separator: "\n")
    }

    private static func stands(_ line: Substring) -> Bool {
        ["#", "|", ">", "!["].contains { line.hasPrefix($0) }
    }

    /// A figure at the end of a sentence would become the number of an item if it began a line. The word in front of it
    /// goes to the new line too.
    private static func split(_ line: String, before word: Substring) -> (rest: String, last: String) {
        guard isItem(word + " "), let space = line.lastIndex(of: " "), line[..<space].contains(where: { $0 != " " })
        else { return (line, "") }
        return (String(line[..<space]), String(line[line.index(after: space)...]))
    }

    private static func isItem(_ line: Substring) -> Bool { line.prefixMatch(of: #/([-*]|\d+\.) /#) != nil }

    /// Joins the lines of one paragraph or item, and breaks them anew. The lines behind an item's first are indented.
    private static func lines(of paragraph: [Substring], _ width: Int) -> [String] {
        guard let first = paragraph.first else { return [] }
        let indent = first.prefix { $0 == " " }.count
        let mark = first.drop { $0 == " " }.prefixMatch(of: #/([-*]|\d+\.) /#)?.0.count ?? 0
        let space = String(repeating: " ", count: indent + mark)
        let words = paragraph.flatMap { $0.split(separator: " ") }
        var (lines, line): ([String], String) = ([], String(repeating: " ", count: indent))
        var isFresh = true
        for word in words {
            if !isFresh, line.count + 1 + word.count > width {
                let (rest, last) = split(line, before: word)
                lines.append(rest)
                (line, isFresh) = (space + last, last.isEmpty)
            }
            line += (isFresh ? "" : " ") + word
            isFresh = false
        }
        return lines + [line]
    }
}
