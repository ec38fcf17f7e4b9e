import SwiftSyntax

/// Makes the faults of one body. Each operator handles one kind of node.
///
/// It makes no faults that change nothing by their nature: in code that only traps (`precondition`), in code that only
/// the board compiles, and in texts.
final class FaultMaker: SyntaxVisitor {
    private(set) var edits: [Edit] = []
    private let converter: SourceLocationConverter
    private let body: FunctionBody

    init(_ converter: SourceLocationConverter, _ body: FunctionBody) {
        self.converter = converter
        self.body = body
        super.init(viewMode: .sourceAccurate)
    }

    private func add(_ node: some SyntaxProtocol, _ replacement: String, _ change: String) {
        add(node, node.bytes, replacement, change)
    }
    private func add(_ node: some SyntaxProtocol, _ range: Range<Int>, _ replacement: String, _ change: String) {
        let line = converter.location(for: node.positionAfterSkippingLeadingTrivia).line
        edits.append(Edit(range: range, replacement: replacement, change: change, line: line))
    }

    // MARK: Conditions

    /// Leaves out a condition, and negates it.
    override func visit(_ node: ConditionElementSyntax) -> SyntaxVisitorContinueKind {
        guard case .expression(let condition) = node.condition, !(condition.is(BooleanLiteralExprSyntax.self)) else {
            return .visitChildren
        }
        let statement = node.parent?.parent
        let isOnly = node.parent?.as(ConditionElementListSyntax.self)?.count == 1
        if statement?.is(WhileStmtSyntax.self) == true {
            if !isOnly { add(condition, "true", "leave out the condition \(condition.oneLine)") }
        } else {
            add(condition, "true", "leave out the condition \(condition.oneLine)")
        }
        if statement?.is(IfExprSyntax.self) != true { negate(condition) }
        return .visitChildren
    }

    override func visit(_ node: TernaryExprSyntax) -> SyntaxVisitorContinueKind {
        negate(node.condition)
        return .visitChildren
    }

    override func visit(_ node: WhereClauseSyntax) -> SyntaxVisitorContinueKind {
        add(node.condition, "true", "leave out the condition \(node.condition.oneLine)")
        return .visitChildren
    }

    private func negate(_ condition: ExprSyntax) {
        // The operator makes the same fault.
        let infix = condition.as(InfixOperatorExprSyntax.self)
        if let infix, ["==", "!="].contains(infix.operator.oneLine) { return }
        if let prefix = condition.as(PrefixOperatorExprSyntax.self), prefix.operator.text == "!" {
            return add(condition, prefix.expression.trimmedDescription, "negate \(condition.oneLine)")
        }
        add(condition, "!(\(condition.trimmedDescription))", "negate \(condition.oneLine)")
    }

    // MARK: Operators and literals

    private static let swapped: [String: String] = [
        "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "..<": "...",
        "...": "..<", "&+": "&-", "&-": "&+", "+": "-", "-": "+", "<<": ">>", ">>": "<<", "&+=": "&-=", "&-=": "&+=",
        "+=": "-=", "-=": "+=", "&<<": "&>>", "&>>": "&<<",
    ]
    /// The operators of which one side can be left out: flags of a word, terms of a condition.
    private static let droppable: Set<String> = ["|", "&", "&&", "||", "^"]

    override func visit(_ node: InfixOperatorExprSyntax) -> SyntaxVisitorContinueKind {
        let name = node.operator.oneLine
        let left = node.leftOperand, right = node.rightOperand
        if let other = Self.swapped[name] {
            add(node, node.operator.bytes, other, "\(left.oneLine) \(name) \(right.oneLine) -> \(other)")
        }
        if name == "|=" || name == "&=" || name == "^=" {
            add(node, node.operator.bytes, "=", "\(node.oneLine) -> =")
        }
        if Self.droppable.contains(name) {
            // For `a & b && c` the text between keeps its brackets, because an operand includes them.
            add(node, left.trimmedDescription, "\(node.oneLine) -> \(left.oneLine)")
            if name != "&" { add(node, right.trimmedDescription, "\(node.oneLine) -> \(right.oneLine)") }
        }
        return .visitChildren
    }

    override func visit(_ node: IntegerLiteralExprSyntax) -> SyntaxVisitorContinueKind {
        let digits = node.literal.text.filter { $0 != "_" }
        if digits.hasPrefix("0x") || digits.hasPrefix("0b") {
            add(node, "(\(node.literal.text) + 1)", "\(place(of: node)): \(node.literal.text) -> + 1")
        } else if let value = UInt64(digits), value < UInt64.max {
            add(node, String(value + 1), "\(place(of: node)): \(value) -> \(value + 1)")
        }
        return .visitChildren
    }

    override func visit(_ node: BooleanLiteralExprSyntax) -> SyntaxVisitorContinueKind {
        let other = node.literal.text == "true" ? "false" : "true"
        add(node, other, "\(place(of: node)): \(node.literal.text) -> \(other)")
        return .visitChildren
    }

    /// Returns the text around a literal, because the literal alone says little.
    private func place(of node: some SyntaxProtocol) -> String {
        var around = Syntax(node)
        while let parent = around.parent, parent.oneLine.utf8.count <= 60, !parent.is(CodeBlockItemListSyntax.self),
            !parent.is(CodeBlockSyntax.self)
        { around = parent }
        return around.oneLine
    }

    override func visit(_ node: FunctionCallExprSyntax) -> SyntaxVisitorContinueKind {
        let name = node.calledExpression.oneLine
        if isTrap(node) { return .skipChildren }
        if name == "min" || name == "max" {
            let other = name == "min" ? "max" : "min"
            add(node, node.calledExpression.bytes, other, "\(node.oneLine) -> \(other)")
        }
        return .visitChildren
    }

    /// Returns true for a trap, which only serves a person who debugs.
    private func isTrap(_ node: FunctionCallExprSyntax) -> Bool {
        ["precondition", "assert", "fatalError", "preconditionFailure", "assertionFailure"]
            .contains(node.calledExpression.oneLine)
    }

    override func visit(_ node: StringLiteralExprSyntax) -> SyntaxVisitorContinueKind { .skipChildren }

    // MARK: Statements

    override func visit(_ node: CodeBlockItemListSyntax) -> SyntaxVisitorContinueKind {
        let items = Array(node)
        for (index, item) in items.enumerated() {
            if canBeLeftOut(item, isOnly: items.count == 1) { add(item, "do {}", "leave out \(item.oneLine)") }
            if index + 1 < items.count, doOrdersMatter(item, items[index + 1]) {
                let next = items[index + 1]
                let range = item.bytes.lowerBound..<next.bytes.upperBound
                add(
                    item, range, next.trimmedDescription + "\n" + item.trimmedDescription,
                    "swap \(item.oneLine) and \(next.oneLine)")
            }
        }
        return .visitChildren
    }

    private func canBeLeftOut(_ item: CodeBlockItemSyntax, isOnly: Bool) -> Bool {
        switch item.item {
        case .expr(var expression):
            while let attempt = expression.as(TryExprSyntax.self) { expression = attempt.expression }
            if let infix = expression.as(InfixOperatorExprSyntax.self) {
                // An initialiser must write each property.
                return !body.isInitialiser && isAssignment(infix)
            }
            guard let call = expression.as(FunctionCallExprSyntax.self), !isTrap(call) else { return false }
            return !(isOnly && isValue(item))
        case .stmt(let statement):
            if statement.is(DeferStmtSyntax.self) || statement.is(ForStmtSyntax.self) { return true }
            let choice = statement.as(ExpressionStmtSyntax.self)?.expression.as(IfExprSyntax.self)
            return choice != nil && choice?.elseKeyword == nil
        default: return false
        }
    }

    /// Returns true if an only expression is the value of its body, closure or branch.
    private func isValue(_ item: CodeBlockItemSyntax) -> Bool {
        if item.parent?.id == body.statements.id { return body.hasResult }
        if item.parent?.parent?.is(ClosureExprSyntax.self) == true { return true }
        guard item.parent?.parent?.is(SwitchCaseSyntax.self) == true else { return false }
        return body.needsReturn
    }

    private func isAssignment(_ infix: InfixOperatorExprSyntax) -> Bool {
        let name = infix.operator.oneLine
        return name.hasSuffix("=") && !["==", "!=", "<=", ">="].contains(name)
    }

    private static let ordered = [
        "store(", "relaxedStore(", "set(", "clear(", "exchange(", "replace(", "order", "increment(", "interrupt(",
        "post(", "push(", "alert(", "invalidate", "signal(", "relax(",
    ]

    /// Returns true if the order of two statements matters: both touch memory that other cores see, or one writes a
    /// variable that the other mentions.
    private func doOrdersMatter(_ first: CodeBlockItemSyntax, _ second: CodeBlockItemSyntax) -> Bool {
        guard case .expr(let one) = first.item, case .expr(let other) = second.item else { return false }
        if [one, other].contains(where: { $0.as(FunctionCallExprSyntax.self).map(isTrap) ?? false }) { return false }
        let texts = [one.oneLine, other.oneLine]
        if texts.allSatisfy({ text in Self.ordered.contains { text.contains($0) } }) { return true }
        return writes(one, whatIsIn: texts[1]) || writes(other, whatIsIn: texts[0])
    }

    private func writes(_ expression: ExprSyntax, whatIsIn text: String) -> Bool {
        guard let infix = expression.as(InfixOperatorExprSyntax.self), isAssignment(infix) else { return false }
        return text.contains(infix.leftOperand.oneLine)
    }

    override func visit(_ node: IfConfigDeclSyntax) -> SyntaxVisitorContinueKind {
        for clause in node.clauses where FunctionFinder.isCompiled(clause, of: node) {
            if let elements = clause.elements { walk(elements) }
        }
        return .skipChildren
    }
}
