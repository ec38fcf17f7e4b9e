import ABI
import Entente
import EntenteTesting
import Testing

@Suite struct SharedRegionTests {
    private let kernel = FakeKernel()

    @Test func bothEndsSeeTheMemoryAndHearTheBell() {
        let (camera, viewer) = (kernel.component("camera"), kernel.component("viewer"))
        kernel.share("other", size: 4096, between: camera, kernel.component("third"))
        kernel.share("frames", size: 8192, between: camera, viewer)
        camera.run {
            let frames = SharedRegion(named: "frames")
            #expect(frames.memory.size == 8192 && frames.rang == .number(57))
            frames.memory[8184] = 41
            #expect(frames.ring() == .ok)
        }
        viewer.run {
            let frames = SharedRegion(named: "frames")
            #expect(Events.wait() == frames.rang)
            #expect(frames.memory[8184] == 41)
            frames.ring()
        }
        camera.run {
            #expect(Events.wait() == SharedRegion(named: "frames").rang)
            #expect(
                SharedRegion(named: "other").memory.size == 4096 && SharedRegion(named: "other").rang == .number(56))
        }
    }

    /// Names are compared whole, and a component has its own regions only.
    @Test func othersHaveNone() {
        let (camera, viewer, other) = (
            kernel.component("camera"), kernel.component("viewer"), kernel.component("other")
        )
        kernel.share("frames", size: 4096, between: camera, viewer)
        other.run { #expect(!exists("frames")) }
        camera.run {
            #expect(!exists("frame") && !exists("frames2"))
            #expect(!exists("") && exists("frames"))
            #expect(!exists("a name of more than 31 bytes, which no region has"))
        }
    }

    private func exists(_ name: StaticString) -> Bool { SharedRegion(ifNamed: name) != nil }
}
