import Foundation
import SystemImage

/// The files of a new component's package.
struct ComponentTemplate {
    let name: String
    /// The Swift module with the component's logic.
    let module: String
    /// The part for a component that calls another one, or nil.
    var client: ClientTemplate?

    /// The modules that a component's program contains already.
    private static let takenModules = [
        "ABI", "Entente", "EntenteTesting", "RuntimeSupport", "Swift", "Synchronization", "Foundation", "Testing",
        "Glibc",
        "Builtin", "XCTest",
    ]

    /// Checks the name.
    ///
    /// - Throws: `Failure` with the fault of the name.
    init(name: String) throws {
        func refuse(_ why: String, _ remedy: String) -> Failure {
            Failure("'\(name)' cannot name a component: \(why)", remedy: remedy)
        }
        let isAllowed = { (character: Character) in
            character.isASCII && (character.isLetter || character.isNumber || character == "-" || character == "_")
        }
        guard name.first?.isASCII == true, name.first?.isLetter == true, name.allSatisfy(isAllowed) else {
            throw refuse(
                "names begin with a letter and go on with letters, digits, '-' and '_'", "take a name such as 'counter'"
            )
        }
        guard name.utf8.count <= TenantDescription.maximumName else {
            throw refuse("it has \(name.utf8.count) bytes, and \(TenantDescription.maximumName) fit", "shorten it")
        }
        guard !TenantDescription.reservedNames.contains(name) else {
            throw refuse("every system has a console of that name", "take another name")
        }
        module = name.split { $0 == "-" || $0 == "_" }.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
        guard !ComponentTemplate.takenModules.contains(module) else {
            throw refuse(
                "its module would be '\(module)', which every component's program contains already", "take another name"
            )
        }
        guard !SwiftLexer.keywords.contains(module) else {
            throw refuse("its module would be '\(module)', which is a word of the language", "take another name")
        }
        self.name = name
    }

    /// The files, as paths inside of the package and their texts.
    var files: [(path: String, text: String)] {
        if let client {
            return common(client.package(from: ComponentTemplate.package))
                + client.sources(module).map { ($0.path, fill($0.text)) }
        }
        return common(ComponentTemplate.package) + [
            ("README.md", fill(ComponentTemplate.readme)),
            ("system.yaml", fill(ComponentTemplate.system)),
            ("Sources/\(module)/\(module)Interface.swift", fill(ComponentTemplate.interface)),
            ("Sources/\(module)/\(module)Server.swift", fill(ComponentTemplate.server)),
            ("Sources/\(module)Program/Entry.swift", fill(ComponentTemplate.entry)),
            ("Tests/\(module)Tests/\(module)Tests.swift", fill(ComponentTemplate.tests)),
        ]
    }

    private func common(_ package: String) -> [(path: String, text: String)] {
        [("Package.swift", fill(package)), (".gitignore", ".build/\n.entente\n")]
    }

    private func fill(_ text: String) -> String {
        // One pass replaces both words, because the name may hold either word itself.
        text.replacing(/MODULE|NAME/) { $0.output == "NAME" ? name : module } + "\n"
    }
}
