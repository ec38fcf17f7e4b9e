import Foundation
import Testing

@testable import Tool
@testable import Workshop

@Suite struct ClientTemplateTests {
    private static func template(_ source: String, from: String = "/w/visitor", to: String = "/w/counter") throws
        -> ClientTemplate
    {
        let interface = try #require(try InterfaceParser.interfaces(in: source, file: "Counter.swift").first)
        return ClientTemplate(
            using: OfferedInterface(
                package: "counter", product: "Counter", module: "CounterLogic", interface: interface),
            from: URL(fileURLWithPath: from), to: URL(fileURLWithPath: to))
    }

    private static func text(_ template: ClientTemplate, _ suffix: String) throws -> String {
        try #require(template.sources("Visitor").first { $0.path.hasSuffix(suffix) }).text
    }

    @Test func callsTheFirstMethodWhoseParametersCanBeMadeUp() throws {
        let template = try Self.template(
            """
            public protocol CounterInterface: Service {
                func name(_ person: Person) -> UInt64
                mutating func add(_ amount: UInt64, twice: Bool) throws(CounterError) -> UInt64
            }
            """)
        let logic = try Self.text(template, "Sources/Visitor/Visitor.swift")
        #expect(logic.contains("import CounterLogic"))
        #expect(logic.contains("CallError<CounterError>"))
        #expect(logic.contains("let answer = try client.add(1, twice: true)"))
    }

    @Test func aMethodWithoutResultAndErrorNeedsNeither() throws {
        let template = try Self.template("public protocol CounterInterface: Service { func reset() }")
        let logic = try Self.text(template, "Sources/Visitor/Visitor.swift")
        #expect(logic.contains("try client.reset()\n"))
        #expect(logic.contains("CallError<Never>"))
        #expect(!logic.contains("let answer"))
    }

    @Test(arguments: [("ShortText", "ShortText(\"text\")"), ("Float", "1.5"), ("Double", "1.5"), ("Int8", "1")])
    func valuesOfTheRuntimesTypesAreMadeUpAndLogged(type: String, value: String) throws {
        let source = "public protocol CounterInterface: Service { func same(_ value: \(type)) -> \(type) }"
        let logic = try Self.text(try Self.template(source), "Sources/Visitor/Visitor.swift")
        #expect(logic.contains("let answer = try client.same(\(value))\n        log(\"same: \\(answer)\")"))
    }

    /// The board's compiler refuses to log a value that does not describe itself.
    @Test func aResultOfAnotherTypeIsNotLogged() throws {
        let template = try Self.template("public protocol CounterInterface: Service { func who() -> Person }")
        let logic = try Self.text(template, "Sources/Visitor/Visitor.swift")
        #expect(logic.contains("_ = try client.who()\n        log(\"who: done\")"))
        #expect(!logic.contains("let answer"))
    }

    /// A test of a call that the template does not make would fail.
    @Test func withoutACallNothingIsExpectedOfIt() throws {
        let template = try Self.template("public protocol CounterInterface: Service { func add(_ person: Person) }")
        #expect(try Self.text(template, "VisitorTests.swift").contains("#expect(component.lines == [])"))
        let logic = try Self.text(template, "Sources/Visitor/Visitor.swift")
        #expect(logic.contains("// Call it here") && !logic.contains("catch"))
        let other = try Self.template("public protocol CounterInterface: Service { func reset() }")
        #expect(
            try Self.text(other, "VisitorTests.swift").contains("#expect(component.lines == [\"counter is gone\"])"))
    }

    @Test func thePackageDependsOnTheOtherOneByARelativePath() throws {
        let source = "public protocol CounterInterface: Service { func reset() }"
        for (from, to, path) in [
            ("/w/visitor", "/w/counter", "../counter"), ("/w/a/visitor", "/w/counter", "../../counter"),
            ("/w/visitor", "/w/b/counter", "../b/counter"),
        ] {
            let template = try Self.template(source, from: from, to: to)
            #expect(template.package(from: ComponentTemplate.package).contains(".package(path: \"\(path)\")]"))
            #expect(try Self.text(template, "system.yaml").contains("counter: {package: \(path)}"))
        }
        // The package has three targets.
        #expect(
            try Self.template(source).package(from: ComponentTemplate.package).matches(
                of: /\.product\(name: "Counter", package: "counter"\)/
            ).count == 3)
    }
}

/// The reference's first pages, whose names DocC would only warn about.
@Suite struct ReferenceTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The pages name the types and functions that a module declares publicly at its top, and no others.
    @Test(arguments: ["Entente", "EntenteTesting"])
    func listsEveryPublicNameOfItsModule(module: String) throws {
        let folder = Self.root.appendingPathComponent("Kit/\(module)")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }
        let declared = try files.reduce(into: Set<String>()) { names, file in
            var text = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
            // The whole contents of such a file lie inside of a condition, indented by one level.
            if text.contains("\n#if !NO_HEAP\n") { text = text.replacing("\n    ", with: "\n") }
            // The kernel's operations are for programs of this repository.
            text = text.replacing(/(?m)^@_spi\(\w+\).*\npublic/, with: "")
            let pattern = /(?m)^(?:@\S+ )*public (?:final )?(?:struct|enum|class|protocol|func) `?(\w+)/
            names.formUnion(text.matches(of: pattern).map { String($0.1) })
        }
        let page = Self.root.appendingPathComponent("docs/reference/\(module).docc/\(module).md")
        let listed = try String(contentsOf: page, encoding: .utf8).matches(of: /(?m)^- ``(\w+)/).map { String($0.1) }
        // These lie inside of a condition, because the board has none of them.
        let ofTheHost: Set = ["KernelStandIn", "HostKernel"]
        #expect(Set(listed).subtracting(ofTheHost) == declared)
    }
}
