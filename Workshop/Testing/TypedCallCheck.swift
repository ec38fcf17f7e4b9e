import Foundation
import SystemImage
import Tool

/// Compares the code of a generated call with that of one written by hand. Both must have the same number of
/// instructions between the caller's entry and the SVC, and from the SVC to the return.
struct TypedCallCheck {
    /// The program `Benchmarks/Programs/Primitives`, which has both calls.
    let program: URL

    struct Length: Equatable {
        var beforeCall: Int
        var afterCall: Int
    }

    func run() throws -> TestResult {
        let text = try Subprocess("llvm-objdump", ["-d", "--no-show-raw-insn", program.path]).text()
        guard let typed = TypedCallCheck.length(of: "entente_typed_call", inDisassembly: text),
            let hand = TypedCallCheck.length(of: "entente_hand_call", inDisassembly: text)
        else { throw Failure("the disassembly of \(program.path) lacks one of the two calls to compare") }
        Progress.say(
            "a typed call has \(typed.beforeCall) instructions up to the SVC and \(typed.afterCall) behind it; by hand "
                + "\(hand.beforeCall) and \(hand.afterCall)")
        let isEqual = typed.beforeCall <= hand.beforeCall && typed.afterCall <= hand.afterCall
        return TestResult(name: "Typed calls", passed: isEqual ? 1 : 0, failed: isEqual ? 0 : 1)
    }

    /// Returns the number of instructions up to the SVC, including it, and of the shortest path from the SVC to a
    /// return. That path belongs to a call that returns a result.
    static func length(of function: String, inDisassembly text: String) -> Length? {
        let code = instructions(of: function, inDisassembly: text)
        guard let call = code.firstIndex(where: { $0.name == "svc" }) else { return nil }
        var reached: Set<Int> = []
        var front = [call + 1]
        var count = 0
        while !front.isEmpty {
            count += 1
            var next: [Int] = []
            for index in front where code.indices.contains(index) && reached.insert(index).inserted {
                if code[index].name == "ret" { return Length(beforeCall: call + 1, afterCall: count) }
                if code[index].name != "b" { next.append(index + 1) }
                if let target = code[index].target, let position = code.firstIndex(where: { $0.address == target }) {
                    next.append(position)
                }
            }
            front = next
        }
        return nil
    }

    private struct Instruction {
        var address: Substring
        var name: Substring
        /// The target of a branch. Calls return, and count as one instruction.
        var target: Substring?
    }

    private static func instructions(of function: String, inDisassembly text: String) -> [Instruction] {
        guard let start = text.range(of: "<\(function)>:\n") else { return [] }
        var code: [Instruction] = []
        for line in text[start.upperBound...].split(separator: "\n", omittingEmptySubsequences: false) {
            // Another function begins here. Older disassemblers print marks between code and data ($x), but a mark
            // begins no function.
            if line.isEmpty || (line.hasSuffix(">:") && !line.contains("<$")) { break }
            guard let match = line.firstMatch(of: /^\s*([0-9a-f]+):\s+(\S+)(.*)$/) else { continue }
            let isBranch =
                match.2 == "b" || match.2.hasPrefix("b.") || match.2.hasPrefix("cb") || match.2.hasPrefix("tb")
            let target = isBranch ? match.3.firstMatch(of: /0x([0-9a-f]+) </)?.1 : nil
            code.append(Instruction(address: match.1, name: match.2, target: target))
        }
        return code
    }
}
