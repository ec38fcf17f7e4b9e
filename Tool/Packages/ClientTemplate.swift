import Foundation

/// The files of a new component that calls another one: `./entente new component NAME --uses FOLDER`.
struct ClientTemplate {
    let used: OfferedInterface
    /// The name of the server in the client's program and manifest.
    let name: String
    /// The path from the new package's folder to the server's.
    let path: String

    /// Chooses the path and the name.
    ///
    /// - Parameters:
    ///   - used: the interface that the other package offers.
    ///   - folder: the folder of the new package.
    ///   - other: the folder of the other package.
    init(using used: OfferedInterface, from folder: URL, to other: URL) {
        self.used = used
        name = other.lastPathComponent
        path = ClientTemplate.path(from: folder, to: other)
    }

    /// Returns a relative path, so that both packages can move together.
    static func path(from folder: URL, to other: URL) -> String {
        let here = folder.standardizedFileURL.pathComponents, there = other.standardizedFileURL.pathComponents
        let shared = zip(here, there).prefix { $0 == $1 }.count
        return (Array(repeating: "..", count: here.count - shared) + there.dropFirst(shared)).joined(separator: "/")
    }

    /// The method that the template calls: the first one for whose parameters the tool has values, or nil.
    private var method: Interface.Method? {
        used.interface.methods.first { $0.parameters.allSatisfy { ClientTemplate.values[$0.type] != nil } }
    }

    private func call(_ method: Interface.Method) -> String {
        let arguments = method.parameters.map { parameter in
            (parameter.label.map { $0 + ": " } ?? "") + (ClientTemplate.values[parameter.type] ?? "")
        }
        let call = "try client.\(method.name)(\(arguments.joined(separator: ", ")))"
        guard let result = method.result else { return call + "\n        log(\"\(method.name): done\")" }
        // A type of the other package may not describe itself on the board.
        guard ClientTemplate.values[result] != nil else { return "_ = \(call)\n        log(\"\(method.name): done\")" }
        return "let answer = \(call)\n        log(\"\(method.name): \\(answer)\")"
    }

    /// The values by type. A component can log a value of each of these types.
    private static let values = Dictionary(
        uniqueKeysWithValues: ["", "8", "16", "32", "64"].flatMap { [("Int\($0)", "1"), ("UInt\($0)", "1")] } + [
            ("Bool", "true"), ("Float", "1.5"), ("Double", "1.5"), ("ShortText", "ShortText(\"text\")"),
        ])

    /// Returns the text of Package.swift.
    ///
    /// - Parameter text: the text for a component that calls no other.
    func package(from text: String) -> String {
        text
            .replacing(
                "dependencies: [.package(name: \"Entente\", path: entente)]",
                with: "dependencies: [.package(name: \"Entente\", path: entente), .package(path: \"\(path)\")]"
            )
            .replacing(
                ".target(name: \"MODULE\", dependencies: [",
                with:
                    ".target(name: \"MODULE\", dependencies: [.product(name: \"\(used.product)\", package: \"\(name)\"), "
            )
            .replacing(
                "\"MODULE\", .product(name: \"Entente\", package: \"Entente\"),\n",
                with: "\"MODULE\", .product(name: \"Entente\", package: \"Entente\"),\n            "
                    + "        .product(name: \"\(used.product)\", package: \"\(name)\"),\n"
            )
            .replacing(
                "dependencies: [\"MODULE\", .product(name: \"Entente\", package: \"Entente\")])",
                with:
                    "\n            dependencies: [\"MODULE\", .product(name: \"\(used.product)\", package: \"\(name)\"), "
                    + ".product(name: \"Entente\", package: \"Entente\")])"
            )
            .replacing("// The interface and the logic,", with: "// The logic,")
    }

    /// Returns sources, tests and texts, in which MODULE and NAME still stand for the new component's own names.
    func sources(_ module: String) -> [(path: String, text: String)] {
        let client = used.interface.clientName
        return [
            (
                "README.md",
                """
                # NAME

                A component for Entente that calls `\(name)`, made by `./entente new component NAME --uses \(path)`.

                - `Sources/MODULE`: the logic
                - `Sources/MODULEProgram`: where it starts on the board
                - `Tests/MODULETests`: tests that run on the host, with a fake kernel
                - `system.yaml`: a system of both
                """
            ),
            (
                "system.yaml",
                """
                # The system that './entente run' boots: a board with both components.
                system: NAME
                components:
                  \(name): {package: \(path)}
                  NAME: {package: ., uses: {\(name): \(name)}}
                """
            ),
            ("Sources/\(module)/\(module).swift", logic(client)),
            (
                "Sources/\(module)Program/Entry.swift",
                """
                import Entente
                import MODULE
                import \(used.module)

                /// Runs the component on the board.
                @c(entente_main)
                public func main(_ argument: UInt64) {
                    let client = \(client)(named: "\(name)")
                    let alarm = Alarm(raising: .number(1))
                    while true {
                        step(client)
                        alarm.set(after: .seconds(1))
                        while !Events.wait().contains(alarm.events) {}
                    }
                }
                """
            ),
            (
                "Tests/\(module)Tests/\(module)Tests.swift",
                """
                import Entente
                import EntenteTesting
                import Testing

                import MODULE
                import \(used.module)

                @Suite struct MODULETests {
                    /// In other tests a value of any type that conforms to `\(used.interface.name)` can serve under
                    /// this name.
                    @Test func \(method == nil ? "callsNothingYet" : "saysThatItsServerIsGone")() {
                        let kernel = FakeKernel()
                        let server = kernel.component("\(name)")
                        let component = kernel.component("NAME", uses: ["\(name)": server])
                        server.stop()
                        component.run { step(\(client)(named: "\(name)")) }
                        #expect(component.lines == [\(method == nil ? "" : "\"\(name) is gone\"")])
                    }
                }
                """
            ),
        ]
    }

    private func logic(_ client: String) -> String {
        guard let method else { return logicWithoutCall(client) }
        return """
            import Entente
            import \(used.module)

            /// Does one step of the component's work. The code is the same on a board and in a test.
            public func step(_ client: \(client)) {
                do throws(CallError<\(method.failure ?? "Never")>) {
                    \(call(method))
                } catch {
                    switch error {
                    case .dead: log("\(name) is gone")
                    default: log("\(name) did not answer as it should")
                    }
                }
            }
            """
    }

    /// Returns the logic without a call, because the tool has no values for the types of the other package.
    private func logicWithoutCall(_ client: String) -> String {
        """
        import Entente
        import \(used.module)

        /// Does one step of the component's work. The code is the same on a board and in a test.
        public func step(_ client: \(client)) {
            // Call it here: `try client.METHOD(…)`, which throws a `CallError` if the other component is dead.
        }
        """
    }
}
