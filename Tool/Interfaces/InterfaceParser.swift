import SystemImage

/// Finds the interfaces of a Swift file: its protocols that refine `Service`.
///
/// It reads declarations of methods and nothing more. The compiler finds types that do not exist or cannot travel in a
/// message when it compiles the generated code.
struct InterfaceParser {
    private let file: String
    private let tokens: [SwiftLexer.Token]
    private var index = 0

    /// Returns the interfaces of a source.
    ///
    /// - Throws: `Failure` for a declaration that an interface cannot hold.
    static func interfaces(in source: String, file: String) throws(Failure) -> [Interface] {
        var parser = InterfaceParser(file: file, tokens: SwiftLexer.tokens(of: source))
        return try parser.all()
    }

    private init(file: String, tokens: [SwiftLexer.Token]) {
        self.file = file
        self.tokens = tokens
    }

    private var current: SwiftLexer.Token? { index < tokens.count ? tokens[index] : nil }

    private mutating func skip(_ text: String) -> Bool {
        guard current?.text == text else { return false }
        index += 1
        return true
    }

    private func problem(_ problem: String, at token: SwiftLexer.Token? = nil, remedy: String) -> Failure {
        let place = token ?? current ?? tokens.last
        return Failure(
            problem, remedy: remedy,
            at: Diagnostic.Place(file: file, line: place?.line ?? 1, column: place?.column ?? 1))
    }

    private mutating func word(_ what: String) throws(Failure) -> String {
        guard let token = current, token.isWord else {
            throw problem(
                "\(what) is expected, and not '\(current?.text ?? "the end of the file")'",
                remedy: "declare methods as in 'func add(_ amount: UInt64) throws(CounterError) -> UInt64'")
        }
        index += 1
        return token.text
    }

    private mutating func all() throws(Failure) -> [Interface] {
        var interfaces: [Interface] = []
        while index < tokens.count {
            let isPublic = index > 0 && tokens[index - 1].text == "public"
            guard skip("protocol") else {
                index += 1
                continue
            }
            let place = current
            let name = try word("the protocol's name")
            var inherits: [String] = []
            while let token = current, token.text != "{", token.text != "}" {
                inherits.append(token.text)
                index += 1
            }
            guard inherits.contains("Service"), skip("{") else { continue }
            guard inherits.first == ":" else {
                throw problem(
                    "the interface '\(name)' is generic, but a message's types are fixed", at: place,
                    remedy: "name its types")
            }
            let interface = Interface(name: name, isPublic: isPublic, methods: try methods(of: name))
            if let other = interfaces.first(where: { $0.clientName == interface.clientName }) {
                throw problem(
                    "the clients of '\(other.name)' and of '\(name)' would both be '\(interface.clientName)'",
                    at: place,
                    remedy: "rename one of them")
            }
            interfaces.append(interface)
        }
        return interfaces
    }

    private mutating func methods(of interface: String) throws(Failure) -> [Interface.Method] {
        var methods: [Interface.Method] = []
        while !skip("}") {
            _ = skip("mutating")
            if let excess = current.flatMap(Interface.excessInFront) {
                throw problem("the interface '\(interface)' \(excess.problem)", remedy: excess.remedy)
            }
            guard skip("func") else {
                throw problem(
                    "the interface '\(interface)' holds '\(current?.text ?? "the end of the file")', but an interface holds methods only",
                    remedy: "move it into an extension of the protocol, or make it a 'mutating func'")
            }
            let place = current
            let method = try method()
            if let excess = method.excess {
                throw problem("'\(method.name)' \(excess.problem)", at: place, remedy: excess.remedy)
            }
            guard
                !methods.contains(where: {
                    $0.name == method.name && $0.parameters.map(\.label) == method.parameters.map(\.label)
                })
            else {
                throw problem(
                    "the interface '\(interface)' has two methods '\(method.name)' with the same labels",
                    remedy: "rename one of them")
            }
            methods.append(method)
        }
        return methods
    }

    private mutating func method() throws(Failure) -> Interface.Method {
        let first = current
        let name = try word("a method's name")
        guard name != "mutating" else {
            throw problem("'mutating' stands behind 'func'", at: first, remedy: "write it in front: 'mutating func'")
        }
        guard skip("(") else {
            throw problem(
                "'\(name)' is followed by '\(current?.text ?? "")', but a method of an interface is not generic",
                remedy: "name its types")
        }
        var parameters: [Interface.Parameter] = []
        while !skip(")") {
            if !parameters.isEmpty, !skip(",") {
                throw problem("a comma is expected in '\(name)'", remedy: "separate parameters by commas")
            }
            parameters.append(try parameter())
        }
        var method = Interface.Method(name: name, parameters: parameters)
        if current?.text == "async" {
            throw problem("'\(name)' is async, but a call waits for its reply", remedy: "remove 'async'")
        }
        let effect = current
        if skip("throws") {
            guard skip("(") else {
                throw problem(
                    "'\(name)' throws any error, but a message carries one type of error", at: effect,
                    remedy: "name it: 'throws(\(name.prefix(1).uppercased() + name.dropFirst())Error)'")
            }
            method.failure = try messageType()
            _ = skip(")")
        }
        if skip("->") { method.result = try messageType() }
        if method.result == "Void" { method.result = nil }
        return method
    }

    private mutating func parameter() throws(Failure) -> Interface.Parameter {
        let first = try word("a parameter's name")
        let name = current?.text == ":" ? first : try word("a parameter's name")
        guard skip(":") else { throw problem("the type of '\(name)' is expected", remedy: "write '\(name): UInt64'") }
        let type = try messageType()
        if current?.text == "=" {
            throw problem(
                "'\(name)' has a default value, but a protocol's methods have none",
                remedy: "remove it, and extend the client with a method that leaves '\(name)' out")
        }
        if current?.text == "." {
            throw problem(
                "'\(name)' takes any number of values, but a message has a fixed shape",
                remedy: "lend them with Lease<Reading>")
        }
        return Interface.Parameter(label: first == "_" ? nil : first, name: name, type: type)
    }

    /// Reads the type of a parameter, a result or an error. It refuses a type that no message carries, if it knows the
    /// type.
    private mutating func messageType() throws(Failure) -> String {
        let place = current
        let type = try type()
        if let remedy = type.remedyForUnsendable {
            throw problem("no message carries '\(type)'", at: place, remedy: remedy)
        }
        return type
    }

    /// Reads a named type with its generic arguments. Tuples, functions and optionals do not travel in messages.
    private mutating func type() throws(Failure) -> String {
        let remedy = "use a number, Bool, ShortText, Lease<…>, Capability<…>, or a type of your own that is a Parameter"
        guard let token = current, token.isWord,
            !["inout", "any", "some", "borrowing", "consuming", "sending"].contains(token.text)
        else {
            throw problem("'\(current?.text ?? "")' begins no type that a message can carry", remedy: remedy)
        }
        var text = try word("a type")
        while current?.text == ".", index + 1 < tokens.count, tokens[index + 1].isWord, skip(".") {
            text += "." + (try word("a type"))
        }
        if skip("<") {
            var arguments: [String] = []
            repeat { arguments.append(try type()) } while skip(",")
            guard skip(">") else {
                throw problem("'>' is expected behind '\(text)'", remedy: "close the type's arguments")
            }
            text += "<\(arguments.joined(separator: ", "))>"
        }
        if current?.text == "?" || current?.text == "!" {
            throw problem("'\(text)?' is optional, but a message has no form for a missing value", remedy: remedy)
        }
        return text
    }
}
