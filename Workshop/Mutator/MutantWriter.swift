import SwiftOperators
import SwiftParser
import SwiftSyntax

/// Writes files in which each body is a choice between its mutants and its original.
struct MutantWriter {
    private(set) var mutants: [Mutant] = []
    /// The variants whose text was not found.
    private(set) var lost: [MutationRequest.Variant] = []
    private let wanted: Set<String>?
    private let unwanted: Set<String>
    private var functionCount = 0

    init(wanted: Set<String>?, unwanted: Set<String>) {
        self.wanted = wanted
        self.unwanted = unwanted
    }

    mutating func mutate(_ text: String, of path: String, variants: [MutationRequest.Variant]) throws -> String {
        let parsed = Parser.parse(source: text)
        let tree = OperatorTable.standardOperators.foldAll(parsed) { _ in }.as(SourceFileSyntax.self)!
        let finder = FunctionFinder()
        finder.walk(tree)
        let converter = SourceLocationConverter(fileName: path, tree: tree)
        let source = Array(text.utf8)
        var output = MutatedText(source)
        var used: Set<String> = []
        for body in finder.bodies {
            let edits =
                faults(of: body, converter)
                + variants.compactMap { variant in edit(for: variant, in: body, source, converter) }
            write(body, edits, of: path, into: &output)
            for (edit, key) in edits where key != nil { used.insert(key ?? edit.change) }
        }
        lost += variants.filter { !used.contains($0.key) }
        return output.finished(importing: "ABI")
    }

    // MARK: Faults

    private func faults(of body: FunctionBody, _ converter: SourceLocationConverter) -> [(Edit, String?)] {
        let maker = FaultMaker(converter, body)
        maker.walk(body.statements)
        let line = converter.location(for: body.statements.positionAfterSkippingLeadingTrivia).line
        let start = body.statements.bytes.lowerBound
        let early = earlyReturns(of: body).map {
            Edit(range: start..<start, replacement: $0 + ";\n", change: "\($0) at once", line: line)
        }
        return (maker.edits + early).map { ($0, nil) }
    }

    private func earlyReturns(of body: FunctionBody) -> [String] {
        if body.isInitialiser || body.statements.count < 2 { return [] }
        if !body.hasResult { return ["return"] }
        if body.resultType == "Bool" { return ["return true", "return false"] }
        return body.resultType.hasSuffix("?") ? ["return nil"] : []
    }

    private func edit(
        for variant: MutationRequest.Variant, in body: FunctionBody, _ source: [UInt8],
        _ converter: SourceLocationConverter
    ) -> (Edit, String?)? {
        guard
            body.baseName == variant.function[...] || body.name == variant.function
                || body.name.hasPrefix(variant.function + ".")
                || body.name.hasSuffix("." + variant.function) || body.name.contains("." + variant.function + ".")
        else { return nil }
        let bytes = body.statements.bytes
        let text = SpacedText(source), old = Array(variant.old.utf8)
        let ranges = bytes.compactMap { start in
            text.end(of: old, from: start, before: bytes.upperBound).map { start..<$0 }
        }
        guard ranges.count == 1 else { return nil }
        let start = ranges[0].lowerBound
        let line = converter.location(for: AbsolutePosition(utf8Offset: start)).line
        let shown = variant.new.isEmpty ? "nothing" : Syntax.oneLine(variant.new)
        let change = "\(Syntax.oneLine(variant.old)) -> \(shown)"
        return (
            Edit(range: ranges[0], replacement: variant.new, change: change, line: line), variant.key
        )
    }

    // MARK: Bodies

    /// Returns true if a body that was one expression still is one.
    private func isOneStatement(_ text: String) -> Bool { Parser.parse(source: text).statements.count == 1 }

    private mutating func write(
        _ body: FunctionBody, _ edits: [(Edit, String?)], of path: String, into output: inout MutatedText
    ) {
        var counts: [String: Int] = [:]
        var chosen: [(edit: Edit, key: String)] = []
        for (edit, variantKey) in edits {
            let repeated = counts[edit.change, default: 0]
            counts[edit.change] = repeated + 1
            let own = "\(path) \(body.name): \(edit.change)" + (repeated == 0 ? "" : " (\(repeated + 1))")
            let key = variantKey ?? own
            guard !unwanted.contains(key), variantKey != nil || (wanted?.contains(key) ?? true) else { continue }
            chosen.append((edit, key))
        }
        guard !chosen.isEmpty else { return }
        let bytes = body.statements.bytes
        let mark = body.needsReturn ? "return " : ""
        output.copy(upTo: bytes.lowerBound)
        output.append("\nswitch aliveMutant(in: \(functionCount)) {\n")
        for (edit, key) in chosen {
            output.append("case \(mutants.count + 1): do {\n")
            let first = output.lineCount
            let text = output.text(of: bytes, with: edit)
            output.append(isOneStatement(text) ? mark + text : text)
            mutants.append(
                Mutant(
                    key: key, number: mutants.count + 1, functionNumber: functionCount, file: path, function: body.name,
                    line: edit.line, change: edit.change, firstLine: first, lastLine: output.lineCount))
            output.append("\n}\n")
        }
        output.append("default: do {\n\(mark)")
        output.copy(upTo: bytes.upperBound)
        output.append("\n}\n}\n")
        functionCount += 1
    }
}

extension FunctionBody {
    /// True if the body is one expression, whose value it returns.
    var needsReturn: Bool {
        guard hasResult, statements.count == 1, let item = statements.first else { return false }
        switch item.item {
        case .expr(let expression): return isValue(expression)
        case .stmt(let statement):
            guard let expression = statement.as(ExpressionStmtSyntax.self)?.expression else { return false }
            return isValue(expression)
        default: return false
        }
    }

    /// Returns false for an `if` or `switch` that returns or throws in each of its branches, because that is a
    /// statement.
    private func isValue(_ expression: ExprSyntax) -> Bool {
        guard expression.is(IfExprSyntax.self) || expression.is(SwitchExprSyntax.self) else { return true }
        let finder = ReturnFinder(viewMode: .sourceAccurate)
        finder.walk(expression)
        return !finder.hasReturn
    }
}

private final class ReturnFinder: SyntaxVisitor {
    var hasReturn = false
    override func visit(_ node: ReturnStmtSyntax) -> SyntaxVisitorContinueKind {
        hasReturn = true
        return .skipChildren
    }
    override func visit(_ node: ClosureExprSyntax) -> SyntaxVisitorContinueKind { .skipChildren }
}

/// A text in which several spaces and line ends count as one space.
private struct SpacedText {
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Returns the end of `wanted` if it begins at `start`.
    func end(of wanted: [UInt8], from start: Int, before limit: Int) -> Int? {
        var position = start, index = 0
        while index < wanted.count {
            guard position < limit else { return nil }
            if Self.isSpace(wanted[index]) {
                guard Self.isSpace(bytes[position]) else { return nil }
                while index < wanted.count, Self.isSpace(wanted[index]) { index += 1 }
                while index < wanted.count, position < limit, Self.isSpace(bytes[position]) { position += 1 }
            } else {
                guard bytes[position] == wanted[index] else { return nil }
                index += 1
                position += 1
            }
        }
        return position
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") }
}

/// The text of a file while it is written anew.
struct MutatedText {
    private let source: [UInt8]
    private var bytes: [UInt8] = []
    private var copied = 0
    /// The number of the line on which the next byte comes.
    private(set) var lineCount = 1

    init(_ source: [UInt8]) { self.source = source }

    /// Returns a part of the source with an edit.
    func text(of range: Range<Int>, with edit: Edit) -> String {
        let before = source[range.lowerBound..<edit.range.lowerBound]
        let after = source[edit.range.upperBound..<range.upperBound]
        return String(decoding: before, as: UTF8.self) + edit.replacement + String(decoding: after, as: UTF8.self)
    }
    mutating func append(_ text: String) { append(text.utf8) }
    /// Continues in the source at the end of the last copy.
    mutating func copy(upTo end: Int) {
        append(source[copied..<end])
        copied = end
    }
    private mutating func append(_ more: some Sequence<UInt8>) {
        for byte in more {
            bytes.append(byte)
            if byte == UInt8(ascii: "\n") { lineCount += 1 }
        }
    }

    /// Returns the whole text. The bodies are not inlined, because with all of their mutants that would take the
    /// compiler too long.
    func finished(importing module: String) -> String {
        let text = String(decoding: bytes + source[copied...], as: UTF8.self)
        return text.replacing("@inline(__always)", with: "") + "\nimport \(module)\n"
    }
}
