import Supervision
import Testing

@Suite struct OverrunWatchTests {
    @Test func looksAtOnceAndThenOnceInAnInterval() {
        var watch = OverrunWatch(interval: 100)
        #expect(watch.deadline == nil && !watch.isDue(at: .max))
        watch.noteNews()
        #expect(watch.isDue(at: 0))
        watch.begin(at: 7)
        #expect(!watch.isDue(at: .max), "there is no news")
        watch.noteNews()
        #expect(watch.deadline == 107 && !watch.isDue(at: 106) && watch.isDue(at: 107))
        watch.noteNews()
        #expect(watch.deadline == 107, "more news does not postpone the look")
    }
}
