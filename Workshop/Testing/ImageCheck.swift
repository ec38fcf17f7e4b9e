import Foundation
import SystemImage
import Tool

/// Checks the kernel's program for instructions that it must not contain.
struct ImageCheck {
    let program: URL

    /// The functions in which the kernel switches its tenants' vector registers. It uses these registers nowhere else.
    static let vectorFunctions: Set<String> = ["floating_point_save", "floating_point_load"]
    func run() throws -> TestResult {
        var result = TestResult(name: "Image checks", passed: 0, failed: 0)
        let text = try Subprocess("llvm-objdump", ["-d", "--no-show-raw-insn", program.path]).text()
        guard text.contains("<kernel_start>:") else {
            throw Failure("the disassembly of \(program.path) holds no code")
        }
        let checks = [
            ("FP or SIMD instructions outside the vector switch", ImageCheck.vectorInstructions(inDisassembly: text)),
            ("unknown address translations", ImageCheck.unknownTranslations(inDisassembly: text)),
            ("registers that the kernel does not set after reset", ImageCheck.unwrittenRegisters(inDisassembly: text)),
            ("allocator symbols", try allocatorSymbols()),
        ]
        for (title, found) in checks {
            Progress.say("\(program.lastPathComponent): \(title): \(found.isEmpty ? "none" : "\(found.count)")")
            found.prefix(20).forEach { Progress.say("    \($0)") }
            if found.isEmpty { result.passed += 1 } else { result.failed += 1 }
        }
        return result
    }

    /// Returns the instructions with an operand in a vector or FP register, each with its function.
    static func vectorInstructions(inDisassembly text: String) -> [String] {
        var function = ""
        var found: [String] = []
        for line in text.split(separator: "\n") {
            // Older disassemblers show the marks between code and data ($x, $d) as if they were functions.
            if line.hasSuffix(">:"), !line.hasSuffix("<$x>:"), !line.hasSuffix("<$d>:"),
                let name = line.firstIndex(of: "<")
            {
                function = String(line[line.index(after: name)...].dropLast(2))
            } else if !vectorFunctions.contains(function), line.contains(":") {
                // Names of branch targets and comments may look like registers.
                let instruction = line.drop { $0 != ":" }.prefix { $0 != "<" }.split(separator: "//")[0]
                if instruction.contains(/[\s,{\[][vqdshbz]([0-9]|[12][0-9]|3[01])(?![0-9A-Za-z_])/) {
                    found.append("\(function): \(line)")
                }
            }
        }
        return found
    }

    /// Returns AT instructions. Some cores walk a tenant's tables when they speculate one, with any contents of their
    /// other registers (errata 1165522, 1319367, 1319537, 1530923).
    static func addressTranslations(inDisassembly text: String) -> [String] {
        text.split(separator: "\n").filter { $0.contains(/:\s+at\s/) }.map(String.init)
    }

    /// The copies of the one AT instruction that the kernel needs, for the address of a store to a read-only page
    /// (docs/silicon.md, "Translations").
    static let knownTranslations = 4

    /// Returns the AT instructions if there are others than the known ones, or one without the barrier before it that
    /// keeps cores from speculating it.
    static func unknownTranslations(inDisassembly text: String) -> [String] {
        let all = addressTranslations(inDisassembly: text)
        let withBarrier = text.matches(of: /:\s+isb\s*\n[^\n]*:\s+at\s+s1e1r,/)
        return all.count <= knownTranslations && withBarrier.count == all.count ? [] : all
    }

    /// The registers of EL2 that are UNKNOWN at reset (DDI 0487, D19.2) and that give or deny tenants access to
    /// something. Disassemblers name the newer ones by their encoding.
    static let writtenRegisters: [(name: String, encoding: String)] = [
        ("HCR_EL2", "S3_4_C1_C1_0"), ("HCRX_EL2", "S3_4_C1_C2_2"), ("MDCR_EL2", "S3_4_C1_C1_1"),
        ("CPTR_EL2", "S3_4_C1_C1_2"), ("HSTR_EL2", "S3_4_C1_C1_3"), ("HFGRTR_EL2", "S3_4_C1_C1_4"),
        ("HFGWTR_EL2", "S3_4_C1_C1_5"),
        ("HFGITR_EL2", "S3_4_C1_C1_6"), ("HDFGRTR_EL2", "S3_4_C3_C1_4"), ("HDFGWTR_EL2", "S3_4_C3_C1_5"),
        ("HAFGRTR_EL2", "S3_4_C3_C1_6"), ("HDFGRTR2_EL2", "S3_4_C3_C1_0"), ("HDFGWTR2_EL2", "S3_4_C3_C1_1"),
        ("HFGRTR2_EL2", "S3_4_C3_C1_2"), ("HFGWTR2_EL2", "S3_4_C3_C1_3"), ("HFGITR2_EL2", "S3_4_C3_C1_7"),
        ("VTTBR_EL2", "S3_4_C2_C1_0"), ("VTCR_EL2", "S3_4_C2_C1_2"), ("VPIDR_EL2", "S3_4_C0_C0_0"),
        ("VMPIDR_EL2", "S3_4_C0_C0_5"), ("VBAR_EL2", "S3_4_C12_C0_0"), ("VDISR_EL2", "S3_4_C12_C1_1"),
        ("VSESR_EL2", "S3_4_C5_C2_3"), ("CNTHCTL_EL2", "S3_4_C14_C1_0"), ("CNTVOFF_EL2", "S3_4_C14_C0_3"),
        ("CNTHP_CTL_EL2", "S3_4_C14_C2_1"), ("MPAM2_EL2", "S3_4_C10_C5_0"), ("MPAMHCR_EL2", "S3_4_C10_C4_0"),
        ("ICC_SRE_EL2", "S3_4_C12_C9_5"), ("ICH_HCR_EL2", "S3_4_C12_C11_0"), ("ICH_VMCR_EL2", "S3_4_C12_C11_7"),
        ("ICH_LR0_EL2", "S3_4_C12_C12_0"), ("ICH_LR15_EL2", "S3_4_C12_C13_7"), ("ICH_AP1R3_EL2", "S3_4_C12_C9_3"),
    ]

    static func unwrittenRegisters(inDisassembly text: String) -> [String] {
        let written = Set(text.matches(of: /\smsr\s+([A-Za-z0-9_]+),/).map { String($0.1).uppercased() })
        return writtenRegisters.filter { !written.contains($0.name) && !written.contains($0.encoding) }.map(\.name)
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
