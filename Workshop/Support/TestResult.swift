import Tool

/// Counts the tests of one part of the suite.
struct TestResult: Equatable {
    var name: String
    var passed: Int
    var failed: Int
}
