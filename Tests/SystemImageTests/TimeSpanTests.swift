import Testing

@testable import SystemImage

@Suite struct TimeSpanTests {
    @Test(arguments: [("0s", 0), ("16ns", 16), ("100us", 100_000), ("1ms", 1_000_000), ("2 s", 2_000_000_000)])
    func reads(text: String, nanoseconds: UInt64) {
        #expect(TimeSpan(text)?.nanoseconds == nanoseconds)
    }

    @Test(arguments: ["", "ms", "1", "1.5ms", "-1ms", "1m", "1MS", "18446744073709551616ns", "99999999999s"])
    func refuses(text: String) {
        #expect(TimeSpan(text) == nil)
    }

    @Test(arguments: [
        (0, "0ns"), (1, "1ns"), (100_000, "100us"), (1_000_000, "1ms"), (1_500_000, "1500us"), (3_000_000_000, "3s"),
    ])
    func writes(nanoseconds: UInt64, text: String) {
        #expect(TimeSpan(nanoseconds: nanoseconds).description == text)
    }
}
