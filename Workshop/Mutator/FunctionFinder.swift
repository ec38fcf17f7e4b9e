import SwiftSyntax

/// A function, initialiser or accessor with a body.
struct FunctionBody {
    /// The name with its types and its labels, such as `Ref.adopt(by:)`.
    var name: String
    var statements: CodeBlockItemListSyntax
    /// True if the body returns a value, so that a body of one expression needs no `return`.
    var hasResult: Bool
    var resultType: String
    /// True for an initialiser, which cannot end early without writing its properties.
    var isInitialiser: Bool

    /// The name without types and labels.
    var baseName: Substring { name.split(separator: ".").last!.prefix { $0 != "(" } }
}

/// Finds the bodies of a file, in its order. Functions inside of functions belong to the outer one.
final class FunctionFinder: SyntaxVisitor {
    private(set) var bodies: [FunctionBody] = []
    private var types: [String] = []

    init() { super.init(viewMode: .sourceAccurate) }

    private func add(
        _ name: String, _ statements: CodeBlockItemListSyntax, result: String?, isInitialiser: Bool = false
    ) {
        guard !statements.isEmpty else { return }
        let hasResult = result != nil && result != "Void" && result != "()"
        bodies.append(
            FunctionBody(
                name: (types + [name]).joined(separator: "."), statements: statements, hasResult: hasResult,
                resultType: hasResult ? result ?? "" : "", isInitialiser: isInitialiser))
    }

    // MARK: Types

    private func enter(_ name: String) -> SyntaxVisitorContinueKind {
        types.append(name)
        return .visitChildren
    }
    override func visit(_ node: StructDeclSyntax) -> SyntaxVisitorContinueKind { enter(node.name.text) }
    override func visitPost(_ node: StructDeclSyntax) { types.removeLast() }
    override func visit(_ node: EnumDeclSyntax) -> SyntaxVisitorContinueKind { enter(node.name.text) }
    override func visitPost(_ node: EnumDeclSyntax) { types.removeLast() }
    override func visit(_ node: ClassDeclSyntax) -> SyntaxVisitorContinueKind { enter(node.name.text) }
    override func visitPost(_ node: ClassDeclSyntax) { types.removeLast() }
    override func visit(_ node: ExtensionDeclSyntax) -> SyntaxVisitorContinueKind {
        enter(node.extendedType.trimmedDescription)
    }
    override func visitPost(_ node: ExtensionDeclSyntax) { types.removeLast() }
    override func visit(_ node: ProtocolDeclSyntax) -> SyntaxVisitorContinueKind { .skipChildren }

    // MARK: Bodies

    override func visit(_ node: FunctionDeclSyntax) -> SyntaxVisitorContinueKind {
        if let body = node.body {
            let labels = node.signature.parameterClause.parameters.map { $0.firstName.text + ":" }.joined()
            let result = node.signature.returnClause?.type.trimmedDescription
            add("\(node.name.text)(\(labels))", body.statements, result: result)
        }
        return .skipChildren
    }

    override func visit(_ node: InitializerDeclSyntax) -> SyntaxVisitorContinueKind {
        if let body = node.body {
            let labels = node.signature.parameterClause.parameters.map { $0.firstName.text + ":" }.joined()
            add("init(\(labels))", body.statements, result: nil, isInitialiser: true)
        }
        return .skipChildren
    }

    override func visit(_ node: SubscriptDeclSyntax) -> SyntaxVisitorContinueKind {
        if let block = node.accessorBlock {
            addAccessors("subscript", block, node.returnClause.type.trimmedDescription)
        }
        return .skipChildren
    }

    override func visit(_ node: VariableDeclSyntax) -> SyntaxVisitorContinueKind {
        for binding in node.bindings {
            guard let block = binding.accessorBlock else { continue }
            addAccessors(
                binding.pattern.trimmedDescription, block, binding.typeAnnotation?.type.trimmedDescription ?? "_")
        }
        return .skipChildren
    }

    private func addAccessors(_ name: String, _ block: AccessorBlockSyntax, _ type: String) {
        switch block.accessors {
        case .getter(let statements): add(name, statements, result: type)
        case .accessors(let accessors):
            for accessor in accessors {
                guard let body = accessor.body else { continue }
                let kind = accessor.accessorSpecifier.text
                if kind == "get" { add("\(name).get", body.statements, result: type) }
                if kind == "set" { add("\(name).set", body.statements, result: nil) }
            }
        }
    }

    override func visit(_ node: IfConfigDeclSyntax) -> SyntaxVisitorContinueKind {
        for clause in node.clauses where Self.isCompiled(clause, of: node) {
            if let elements = clause.elements { walk(elements) }
        }
        return .skipChildren
    }

    /// Returns true if the host compiles a clause, for the conditions that the project has.
    static func isCompiled(_ clause: IfConfigClauseSyntax, of node: IfConfigDeclSyntax) -> Bool {
        let first = node.clauses.first?.condition?.trimmedDescription ?? ""
        let isFirst = clause.id == node.clauses.first?.id
        switch first {
        case "hasFeature(Embedded)": return !isFirst
        case "!hasFeature(Embedded)": return isFirst
        default: return true
        }
    }
}
