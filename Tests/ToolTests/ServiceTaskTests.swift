import Testing

@testable import Workshop

@Suite struct ServiceTaskTests {
    @Test func readsLinesOfComponentsAndOfLinux() throws {
        let batch = try #require(ServiceTask(line: "[    0.004] bench: service: ring.has.4 512 36375"))
        #expect(batch.name == "ring.has.4" && batch.operations == 512 && batch.latency == 3637.5)
        let call = try #require(ServiceTask(line: "service: store.get 1000"))
        #expect(call.name == "store.get" && call.operations == 1000 && call.latency == nil)
    }

    @Test(arguments: [
        "service: end", "service: call.get", "service: call.get 0", "service: call.get -1", "service: call.get x",
        "service: ring.get.1 5 x", "service: ring.get.1 5 6 7", "bench: call.get 5", "", "service:",
    ])
    func readsNoOtherLine(line: String) { #expect(ServiceTask(line: line) == nil) }

    @Test func knowsTheEnd() {
        #expect(ServiceTask.isEnd(line: "[    0.1] bench: service: end"))
        #expect(!ServiceTask.isEnd(line: "service: ended"))
        #expect(!ServiceTask.isEnd(line: "service: store.get 1000"))
    }
}
