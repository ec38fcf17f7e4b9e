import Logging
import Testing

@testable import Tool

@Suite struct ProgressTests {
    @Test(arguments: [
        (nil, Logger.Level.notice), ("warning", .warning), ("ERROR", .error), ("nonsense", .notice), ("", .notice),
    ])
    func theEnvironmentNamesTheLevel(name: String?, level: Logger.Level) {
        #expect(Progress.level(named: name) == level)
    }
}
