import Foundation
import SystemImage
import Testing

@testable import Tool
@testable import Workshop

@Suite struct InterfaceTests {
    private func parse(_ source: String) throws -> [Interface] {
        try InterfaceParser.interfaces(in: source, file: "File.swift")
    }

    @Test func findsProtocolsThatAreServices() throws {
        let interfaces = try parse(
            """
            /* protocol Commented: Service { /* nested */ } */
            // protocol AlsoCommented: Service {}
            let text = "protocol Quoted: Service {}"
            protocol Other: Sendable { var property: Int { get } }
            public protocol CounterInterface: Sendable, Service {
                /// Adds.
                mutating func add(_ amount: UInt64, to other: UInt32) throws(CounterError) -> UInt64
                func reset()
                mutating func move(from: Lease<Reading>, _ to: Entente.Capability<Entente.Notification>) -> Void
            }
            """)
        #expect(interfaces.count == 1)
        let interface = try #require(interfaces.first)
        #expect(interface.isPublic)
        #expect(interface.clientName == "CounterClient")
        #expect(interface.methods.map(\.name) == ["add", "reset", "move"])
        #expect(interface.methods[0].parameters.map(\.declaration) == ["_ amount: UInt64", "to other: UInt32"])
        #expect(interface.methods[0].failure == "CounterError")
        #expect(interface.methods[0].result == "UInt64")
        #expect(
            interface.methods[2].parameters.map(\.type) == [
                "Lease<Reading>", "Entente.Capability<Entente.Notification>",
            ])
        #expect(interface.methods[2].result == nil)
    }

    @Test(arguments: [
        ("protocol A: Service { var x: Int { get } }", "1:23", "holds methods only"),
        ("protocol A: Service {\n func f() throws }", "2:11", "throws any error"),
        ("protocol A: Service {\n func f() throws\n func g()\n}", "2:11", "throws any error"),
        ("protocol A: Service {\n func f() throws -> Int }", "2:11", "throws any error"),
        ("protocol A: Service {\n func f(a: UInt64 = 1) }", "2:19", "default value"),
        ("protocol A: Service {\n func f(a: UInt64...) }", "2:18", "any number of values"),
        ("protocol A: Service {\n @discardableResult\n func f() -> Int }", "2:2", "attribute"),
        ("protocol A: Service {\n func mutating f() }", "2:7", "write it in front"),
        ("protocol A: Service {\n static func f() }", "2:2", "remove 'static'"),
        ("protocol A: Service {\n public mutating func f() }", "2:2", "remove 'public'"),
        ("protocol A: Service {\n func f(a: Int, name: String) }", "2:23", "use ShortText"),
        ("protocol A: Service {\n func f() -> Swift.String }", "2:14", "use ShortText"),
        ("protocol A: Service {\n func f(_ c: Character) }", "2:14", "use ShortText"),
        ("protocol A: Service {\n func f() throws(A) -> Array<Int> }", "2:24", "Lease<Reading>"),
        ("protocol A: Service {\n func f() throws(Error) }", "2:18", "name the type"),
        ("protocol A: Service {\n func f(a: Optional<Int>) }", "2:12", "Optional"),
        ("protocol A: Service {\n func f(a: Float16) }", "2:12", "Float or Double"),
        ("protocol A: Service { func f() async }", "1:32", "async"),
        ("protocol A: Service { func f(_ x: (Int, Int)) }", "1:35", "no type that a message can carry"),
        ("protocol A: Service { func f(_ x: Int?) }", "1:38", "optional"),
        ("protocol A: Service { func f(_ x: inout Int) }", "1:35", "no type that a message can carry"),
        ("protocol A: Service { func f<T>(_ x: T) }", "1:29", "not generic"),
        ("protocol A: Service { func f(_ x: Int); func f(_ y: Int) }", "1:39", "methods only"),
        ("protocol A: Service { func f(_ x: Int) func f(_ y: Int) }", "1:57", "same labels"),
        ("protocol A: Service { func f(", "1:29", "expected"),
        ("protocol A: Service {", "1:21", "the end of the file"),
        ("protocol A: Service { func f(_ x: Lease<Reading>, _ y: Lease<Writing>) }", "1:28", "2 leases"),
        (
            "protocol A: Service { func f(_ x: Capability<Extent>, _ y: RingOffer<UInt64>, _ z: RingOffer<UInt64>) }",
            "1:28", "3 capabilities"
        ),
        (
            "protocol A: Service { func f(_ a: ShortText, _ b: ShortText, _ c: ShortText, _ d: ShortText) }", "1:28",
            "69 words"
        ),
        ("protocol A: Service { func f() -> Lease<Reading> }", "1:28", "ends with its call"),
        ("protocol A: Service { func f() -> RingOffer<UInt64> }", "1:28", "in its caller's memory"),
        ("protocol A: Service { func portal() }", "1:28", "a client's property"),
        ("protocol A<T>: Service { func f() }", "1:10", "generic"),
        ("protocol AInterface: Service {}\nprotocol AService: Service {}", "2:10", "both be 'AClient'"),
    ])
    func saysWhatCannotBe(source: String, place: String, problem: String) {
        let error = #expect(throws: Failure.self) { try parse(source) }
        #expect(error?.description.hasPrefix("File.swift:\(place): error: ") == true, "\(error?.description ?? "")")
        #expect(error?.description.contains(problem) == true, "\(error?.description ?? "")")
    }

    @Test func namesDoNotCollide() throws {
        let interfaces = try parse("protocol A: Service { func f(for: UInt8, portal: UInt8, _ self: UInt8) }")
        let text = InterfaceGenerator(interfaces: interfaces, source: "A.swift", imports: []).text
        for line in [
            "`for`.append(to: &_message)", "portal.append(to: &_message)", "self.portal.call(",
            "f(for: _p0, portal: _p1, _p2)",
        ] {
            #expect(text.contains(line), "\(line)")
        }
    }

    @Test func findsImports() {
        let source = "@testable import A\npublic import B\nimport struct C.D\nimport E.F\n// import G\n"
        #expect(GeneratedInterfaces.imports(of: source) == ["A", "B", "C", "E"])
    }

    /// A renamed file leaves no second client behind. Files that the tool has not generated stay.
    @Test func aGeneratedFileWithoutItsInterfaceIsRemoved() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("entente-\(UUID().uuidString)")
        let sources = folder.appendingPathComponent("Sources/A")
        try FileManager.default.createDirectory(at: sources, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let old = sources.appendingPathComponent("Old.swift")
        try "protocol A: Service { func f() }".write(to: old, atomically: true, encoding: .utf8)
        try "// mine".write(
            to: sources.appendingPathComponent("Mine+Generated.swift"), atomically: true, encoding: .utf8)
        let generated = GeneratedInterfaces(package: folder)
        #expect(try generated.update().map(\.what) == ["wrote"])
        try FileManager.default.moveItem(at: old, to: sources.appendingPathComponent("New.swift"))
        #expect(try generated.orphans().map(\.lastPathComponent) == ["Old+Generated.swift"])
        try generated.update()
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: sources.path).sorted()
                == ["Mine+Generated.swift", "New+Generated.swift", "New.swift"])
    }

    /// For any contents of the file the result is an interface or an error.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func anyTextEnds(seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        let pieces = [
            "protocol ", "A", ": Service ", "{", "}", "func ", "f", "(", ")", ",", ":", "->", "throws", "<", ">", "\"",
            "/*", "*/", "//", "\n", "`", "_ ", "?", "\\",
        ]
        for _ in 0..<200 {
            var text = "protocol A: Service { func f("
            for _ in 0..<20 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text += pieces[Int(state >> 33) % pieces.count]
            }
            _ = try? parse(text)
        }
    }

    @Test func generatesWhatThePackageHas() throws {
        let files = try GeneratedInterfaces(workspace: Workspace(root: root)).files()
        #expect(files.count >= 2)
        #expect(files.filter(\.isStale).map(\.url.path) == [])
    }

    private var root: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
    }
}

@Suite struct ComponentTemplateTests {
    @Test func namesTheModule() throws {
        #expect(try ComponentTemplate(name: "counter").module == "Counter")
        #expect(try ComponentTemplate(name: "my-first_one").module == "MyFirstOne")
    }

    @Test(arguments: [
        "", "9lives", "a b", "../x", "root", "serial", "entente", "ABI", "self", "any",
        String(repeating: "a", count: 40), "é",
    ])
    func refusesNames(name: String) {
        let failure = #expect(throws: Failure.self) { try ComponentTemplate(name: name) }
        #expect(failure?.remedy != nil)
    }

    @Test func namesMayHoldAPlaceholder() throws {
        let files = try ComponentTemplate(name: "myNAME").files
        #expect(files[0].text.contains("name: \"MyNAME\"") && files[0].text.contains("name: \"myNAME\","))
        #expect(
            files.contains { $0.path == "Sources/MyNAME/MyNAMEServer.swift" && $0.text.contains("struct MyNAMEServer") }
        )
    }

    @Test func pathsAreQuotedForAShell() {
        #expect("/a/b-c".quotedForShell == "/a/b-c")
        #expect("/a b/it's".quotedForShell == "'/a b/it'\\''s'")
    }

    @Test func filesHoldNoPlaceholder() throws {
        for file in try ComponentTemplate(name: "counter").files {
            #expect(!file.text.contains("MODULE") && !file.text.contains("NAME"), "\(file.path)")
            #expect(!file.path.contains("MODULE"))
        }
    }

    @Test func theRepositorysProgramsAreKnown() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let programs = try Workspace(root: root).boardPrograms()
        for name in ["Root", "Heartbeat", "Monitor", "Pager", "Crash"] {
            #expect(programs.components.contains(name), "\(name)")
        }
        #expect(programs.guests.contains("BenchGuest"))
        for name in ["Kernel", "KernelCore", "BenchGuest"] { #expect(!programs.components.contains(name), "\(name)") }
    }

    @Test func packagesOfOneNameAreApart() {
        let workspace = Workspace(root: URL(fileURLWithPath: "/x"))
        let keys = ["/a/counter", "/b/counter"].map {
            ComponentPackage(folder: URL(fileURLWithPath: $0), workspace: workspace).key
        }
        #expect(Set(keys).count == 2)
    }

    @Test func callsAreCountedInADisassembly() {
        let text = """
            0000000000200100 <entente_hand_call>:
              200100:      \tmov\tw8, w0
              200104:      \tsvc\t#0
              200108:      \tcbz\tx0, 0x200114 <entente_hand_call+0x14>
              20010c:      \tmov\tx0, #0x1
              200110:      \tbl\t0x200200 <elsewhere>
              200114:      \tret

            0000000000200118 <entente_typed_call>:
              200118:      \tret
            """
        #expect(
            TypedCallCheck.length(of: "entente_hand_call", inDisassembly: text) == .init(beforeCall: 2, afterCall: 2))
        #expect(TypedCallCheck.length(of: "entente_typed_call", inDisassembly: text) == nil)
        #expect(TypedCallCheck.length(of: "nothing", inDisassembly: text) == nil)
    }
}
