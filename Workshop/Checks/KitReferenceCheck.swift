import Tool

/// Checks that DocC makes the kit's reference without a warning, such as one of a link to nothing, and that each public
/// symbol is in a group of its module's article.
struct KitReferenceCheck {
    let workspace: Workspace

    func run() throws -> TestResult {
        let reference = KitReference(workspace: workspace)
        try reference.describeModules()
        var result = TestResult(name: "Reference", passed: 0, failed: 0)
        for module in KitReference.modules {
            let warnings = try reference.warnings(about: module)
            let ungrouped = try reference.ungrouped(of: module)
            if let warnings { Progress.say(warnings) }
            ungrouped.forEach { name in
                Progress.say(
                    "\(name) is in no group; add it to the topics of docs/reference/\(module).docc/\(module).md")
            }
            if warnings == nil, ungrouped.isEmpty { result.passed += 1 } else { result.failed += 1 }
        }
        return result
    }
}
