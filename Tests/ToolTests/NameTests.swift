import Foundation
import Testing

@testable import Workshop

/// Tests of names that the style prescribes.
@Suite struct NameTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Returns the Swift files below a folder by their paths in it.
    private static func sources(in folder: String) throws -> [(path: String, text: String)] {
        let url = root.appendingPathComponent(folder)
        return try FileManager.default.subpathsOfDirectory(atPath: url.path).filter { path in
            path.hasSuffix(".swift") && !path.split(separator: "/").contains { $0.hasPrefix(".") }
        }.sorted().map { ($0, try String(contentsOf: url.appendingPathComponent($0), encoding: .utf8)) }
    }

    /// Returns the words of AArch64 in a portable source, in code and in comments. A comment may cite a clause of the
    /// Arm Architecture Reference Manual by its number, and may name the folder.
    private static func architectureWords(in text: String) -> [String] {
        let word =
            /\b(EL[0-3]|\w+_EL[0-3n]\w*|VMID\w*|ESR|FAR|HCR|SPSR|ELR|PSTATE|MPIDR|GIC\w*|[SP]PI|SGI|IC[CHV]_\w*|WF[IE]|SVC|HVC|SMC|SMCCC|PSCI|ERET|TLBI|D[MS]B|ISB|AArch(32|64)\w*|[Aa]rm64\w*|A[Rr]Mv?[0-9]\w*|Arm|VTTBR|TTBR[01]|DBG\w+|MDSCR|PL0[0-9]+)\b/
        return text.replacing("Kernel/AArch64", with: "").matches(of: word).map { String($0.output.0) }
    }

    /// The folders that must build for another architecture without a change, apart from a folder `AArch64` in them.
    @Test(arguments: [
        "Kernel/Core", "Kit/SharedAccess", "Kit/Entente", "Kit/EntenteTesting", "Services", "Components/Root",
        "Components/Pager", "Components/Heartbeat", "Components/Control",
    ])
    func architectureWordsStandBelowTheirFolder(folder: String) throws {
        let sources = try Self.sources(in: folder)
        #expect(!sources.isEmpty)
        for (path, text) in sources where !path.hasPrefix("AArch64/") {
            #expect(!path.contains("AArch"), "\(folder)/\(path)")
            #expect(Self.architectureWords(in: text) == [], "\(folder)/\(path)")
        }
    }

    @Test func architectureWordsAreFound() {
        let text = """
            /// Kernel/AArch64 does so by SVC (DDI 0487, D2.12), with VMID; see GICD_CTLR, TCR_EL1, AArch32Condition.
            let isLockedAtEL2 = model.isFarAway
            """
        #expect(Self.architectureWords(in: text) == ["SVC", "VMID", "GICD_CTLR", "TCR_EL1", "AArch32Condition"])
    }

    /// The name of no test begins with a clause such as `whatHappens`, which stands for a noun and hides the subject.
    @Test func noTestIsNamedByAClause() throws {
        let clause = /func (wh(at|o|om|ose|ich)|whoever|whatever)[A-Z]\w*/
        let sources = try Self.sources(in: "Tests")
        #expect(sources.contains { $0.path.hasSuffix("NameTests.swift") })
        for (path, text) in sources {
            #expect(ReferenceCheck.code(text).matches(of: clause).map { String($0.output.0) } == [], "\(path)")
        }
    }
}
