import Foundation

@testable import SystemImage

/// Analyses a manifest that a test holds as text.
enum HarmCase {
    static func analysis(_ text: String) throws -> HarmAnalysis {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("system.yaml")
        try Data(text.utf8).write(to: file)
        return HarmAnalysis(try Manifest.load(path: file.path, askingForCriticality: false).planWithPlaceholders())
    }

    /// Returns the possible harm as `VICTIM EFFECT OFFENDER`, without harm by the console driver.
    static func harm(_ manifest: String) throws -> Set<String> {
        let analysis = try analysis(manifest)
        func name(_ tenant: Int) -> String { analysis.plan.tenants[tenant].name }
        let driver = analysis.plan.tenants.firstIndex { $0.kind == .consoleDriver } ?? -1
        return Set(
            analysis.findings.filter { ![$0.victim, $0.offender].contains(driver) }
                .map { "\(name($0.victim)) \($0.effect) \(name($0.offender))" })
    }
}

extension HarmAnalysis {
    func sentence(_ victim: String, _ effect: HarmEffect, _ offender: String) -> String {
        func index(_ name: String) -> Int { plan.tenants.firstIndex { $0.name == name } ?? -1 }
        return finding(victim: index(victim), offender: index(offender), effect).map(sentence) ?? ""
    }
}
