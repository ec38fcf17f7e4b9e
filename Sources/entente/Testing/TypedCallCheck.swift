import Foundation

/// Compares the code of a generated call with that of one written by hand: between the caller's entry and the SVC, and from
/// there to its return, there must be as many instructions.
struct TypedCallCheck {
    /// `Benchmarks/Primitives`, which has both.
    let program: URL

    struct Length: Equatable {
        var beforeCall: Int
        var afterCall: Int
    }

    func run() throws -> TestResult {
        let text = try Subprocess("llvm-objdump", ["-d", "--no-show-raw-insn", program.path]).text()
        guard let typed = TypedCallCheck.length(of: "entente_typed_call", inDisassembly: text),
            let hand = TypedCallCheck.length(of: "entente_hand_call", inDisassembly: text)
        else { throw Failure("the disassembly of \(program.path) has not the two calls to compare") }
        Progress.say(
            "a typed call has \(typed.beforeCall) instructions up to the SVC and \(typed.afterCall) behind it; by hand "
                + "\(hand.beforeCall) and \(hand.afterCall)")
        let isEqual = typed.beforeCall <= hand.beforeCall && typed.afterCall <= hand.afterCall
        return TestResult(name: "Typed calls", passed: isEqual ? 1 : 0, failed: isEqual ? 0 : 1)
    }

    /// The instructions up to the SVC, itself included, and from there to the first return.
    static func length(of function: String, inDisassembly text: String) -> Length? {
        guard let start = text.range(of: "<\(function)>:\n") else { return nil }
        var before: Int?
        var count = 0
        for line in text[start.upperBound...].split(separator: "\n", omittingEmptySubsequences: false) {
            // The next function; the marks between code and data ($x) of older disassemblers are none.
            if line.isEmpty || (line.hasSuffix(">:") && !line.contains("<$")) { return nil }
            guard let colon = line.firstIndex(of: ":"), !line.hasSuffix(">:") else { continue }
            let instruction = line[line.index(after: colon)...].split(whereSeparator: \.isWhitespace).first ?? ""
            count += 1
            if instruction == "svc", before == nil {
                before = count
                count = 0
            } else if instruction == "ret", let before {
                return Length(beforeCall: before, afterCall: count)
            }
        }
        return nil
    }
}
