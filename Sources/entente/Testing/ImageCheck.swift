import Foundation

/// Looks into the kernel's program for what must not be in it.
struct ImageCheck {
    let program: URL

    /// The kernel switches its tenants' vector registers in these functions, and touches them nowhere else.
    static let vectorFunctions: Set<String> = ["floating_point_save", "floating_point_load"]
    func run() throws -> TestResult {
        var result = TestResult(name: "Image checks", passed: 0, failed: 0)
        let checks = [
            ("FP or SIMD instructions outside the vector switch", try vectorInstructions()),
            ("allocator symbols", try allocatorSymbols()),
        ]
        for (title, found) in checks {
            Progress.say("\(program.lastPathComponent): \(title): \(found.isEmpty ? "none" : "\(found.count)")")
            found.prefix(20).forEach { Progress.say("    \($0)") }
            if found.isEmpty { result.passed += 1 } else { result.failed += 1 }
        }
        return result
    }

    private func vectorInstructions() throws -> [String] {
        let text = try Subprocess("llvm-objdump", ["-d", "--no-show-raw-insn", program.path]).text()
        guard text.contains("<kernel_start>:") else { throw Failure("the disassembly of \(program.path) holds no code") }
        return ImageCheck.vectorInstructions(inDisassembly: text)
    }

    /// Instructions with an operand in a vector or FP register, with the function in front.
    static func vectorInstructions(inDisassembly text: String) -> [String] {
        var function = ""
        var found: [String] = []
        for line in text.split(separator: "\n") {
            // Older disassemblers show the marks between code and data ($x, $d) as if they were functions.
            if line.hasSuffix(">:"), !line.hasSuffix("<$x>:"), !line.hasSuffix("<$d>:"), let name = line.firstIndex(of: "<") {
                function = String(line[line.index(after: name)...].dropLast(2))
            } else if !vectorFunctions.contains(function), line.contains(":") {
                // Names of branch targets and comments may look like registers.
                let instruction = line.drop { $0 != ":" }.prefix { $0 != "<" }.split(separator: "//")[0]
                if instruction.contains(/[\s,{\[][vqdshbz]([0-9]|[12][0-9]|3[01])(?![0-9A-Za-z_])/) { found.append("\(function): \(line)") }
            }
        }
        return found
    }

    private func allocatorSymbols() throws -> [String] {
        try Subprocess("llvm-nm", ["--format=just-symbols", program.path]).text()
            .split(separator: "\n").map(String.init).filter(ImageCheck.isAllocator)
    }

    static func isAllocator(_ symbol: String) -> Bool {
        ["malloc", "free", "calloc", "realloc", "posix_memalign", "aligned_alloc"].contains(symbol)
            || symbol.wholeMatch(of: /swift_(slow)?(alloc|dealloc|Alloc|Dealloc|retain|release)\w*/) != nil
    }
}
