import Tool

/// The counts of one part of the suite.
struct TestResult: Equatable {
    var name: String
    var passed: Int
    var failed: Int
}
