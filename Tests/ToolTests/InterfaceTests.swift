import Foundation
import SystemImage
import Testing

@testable import entente

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
        #expect(interface.methods[2].parameters.map(\.type) == ["Lease<Reading>", "Entente.Capability<Entente.Notification>"])
        #expect(interface.methods[2].result == nil)
    }

    @Test(arguments: [
        ("protocol A: Service { var x: Int { get } }", "1:23", "holds methods only"),
        ("protocol A: Service {\n func f() throws }", "2:18", "throws any error"),
        ("protocol A: Service { func f() async }", "1:32", "async"),
        ("protocol A: Service { func f(_ x: (Int, Int)) }", "1:35", "no type that a message can carry"),
        ("protocol A: Service { func f(_ x: Int?) }", "1:38", "optional"),
        ("protocol A: Service { func f(_ x: inout Int) }", "1:35", "no type that a message can carry"),
        ("protocol A: Service { func f<T>(_ x: T) }", "1:29", "not generic"),
        ("protocol A: Service { func f(_ x: Int); func f(_ y: Int) }", "1:39", "methods only"),
        ("protocol A: Service { func f(_ x: Int) func f(_ y: Int) }", "1:57", "same labels"),
        ("protocol A: Service { func f(", "1:29", "expected"),
    ])
    func saysWhatCannotBe(source: String, place: String, problem: String) {
        let error = #expect(throws: Diagnostics.self) { try parse(source) }
        #expect(error?.description.hasPrefix("File.swift:\(place): error: ") == true, "\(error?.description ?? "")")
        #expect(error?.description.contains(problem) == true, "\(error?.description ?? "")")
    }

    /// Whatever the file holds, an interface or an error comes out.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func anyTextEnds(seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        let pieces = ["protocol ", "A", ": Service ", "{", "}", "func ", "f", "(", ")", ",", ":", "->", "throws", "<", ">", "\"", "/*", "*/", "//", "\n", "`", "_ ", "?", "\\"]
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
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    }
}

@Suite struct ComponentTemplateTests {
    @Test func namesTheModule() throws {
        #expect(try ComponentTemplate(name: "counter").module == "Counter")
        #expect(try ComponentTemplate(name: "my-first_one").module == "MyFirstOne")
    }

    @Test(arguments: ["", "9lives", "a b", "../x", "root", "serial", "entente", "ABI", String(repeating: "a", count: 40), "é"])
    func refusesNames(name: String) {
        let failure = #expect(throws: Failure.self) { try ComponentTemplate(name: name) }
        #expect(failure?.remedy != nil)
    }

    @Test func filesHoldNoPlaceholder() throws {
        for file in try ComponentTemplate(name: "counter").files {
            #expect(!file.text.contains("MODULE") && !file.text.contains("NAME"), "\(file.path)")
            #expect(!file.path.contains("MODULE"))
        }
    }

    @Test func packagesOfOneNameAreApart() {
        let workspace = Workspace(root: URL(fileURLWithPath: "/x"))
        let keys = ["/a/counter", "/b/counter"].map { ComponentPackage(folder: URL(fileURLWithPath: $0), workspace: workspace).key }
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
        #expect(TypedCallCheck.length(of: "entente_hand_call", inDisassembly: text) == .init(beforeCall: 2, afterCall: 2))
        #expect(TypedCallCheck.length(of: "entente_typed_call", inDisassembly: text) == nil)
        #expect(TypedCallCheck.length(of: "nothing", inDisassembly: text) == nil)
    }
}
