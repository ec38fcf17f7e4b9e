import Foundation
import Tool

/// The files into which `swift test --xunit-output` writes its counts, one for each of Swift's two test libraries.
struct TestReport {
    let file: URL
    private let others: [URL]

    init(folder: URL, name: String) {
        file = folder.appendingPathComponent("\(name).xml")
        others = [folder.appendingPathComponent("\(name)-swift-testing.xml")]
    }

    private var texts: [String] { ([file] + others).compactMap { try? String(contentsOf: $0, encoding: .utf8) } }

    /// The names of the tests that failed.
    var failedTests: [String] { Array(Set(texts.flatMap { TestReport.failedTests(inFile: $0) })).sorted() }

    static func failedTests(inFile text: String) -> [String] {
        text.matches(of: /<testcase classname="([^"]*)" name="([^"]*)"[^>]*[^>\/]>\s*<(?:failure|error)/).map {
            "\($0.1)/\($0.2)"
        }
    }

    func result(named name: String) -> TestResult {
        texts.map { TestReport.count(inFile: $0) }.reduce(into: TestResult(name: name, passed: 0, failed: 0)) {
            // A test with several arguments can fail more than once.
            $0.passed += max(0, $1.tests - $1.failures - $1.skipped)
            $0.failed += $1.failures
        }
    }

    func remove() { for url in [file] + others { try? FileManager.default.removeItem(at: url) } }

    /// Returns the attributes of the `testsuite` elements. Errors count as failures.
    static func count(inFile text: String) -> (tests: Int, failures: Int, skipped: Int) {
        var sum = (tests: 0, failures: 0, skipped: 0)
        for suite in text.matches(of: /<testsuite\s([^>]*)>/) {
            func attribute(_ name: String) -> Int {
                suite.1.split(separator: " ").first { $0.hasPrefix("\(name)=\"") }
                    .flatMap { Int($0.dropFirst(name.count + 2).prefix { $0.isNumber }) } ?? 0
            }
            sum.tests += attribute("tests")
            sum.failures += attribute("failures") + attribute("errors")
            sum.skipped += attribute("skipped")
        }
        return sum
    }
}
