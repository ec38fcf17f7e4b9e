import ABI
import Testing

@testable import Entente
@testable import EntenteTesting

/// A pager makes requests to the kernel, and recognises the faults of its clients.
@Suite struct PagingTests {
    private let kernel = ScriptedKernel()
    private let frames = FakeMemory(2 * 4096)
    private let file = FakeMemory(3 * 4096)

    private static let (extent, firstMapping, space) = (70 as UInt64, 80 as UInt64, 90 as UInt64)
    /// The address of each client's file. The last page of client 4's file holds one byte, and that of client 5's is
    /// whole.
    private static let target: UInt64 = 0x70_0020_0000

    init() {
        let component = kernel.component
        let (frames, file) = (component.map(frames), component.map(file))
        component.pages.add("frames") {
            Resource(
                name: $0, kind: .frames, slot: Self.extent, address: frames, size: 8192, number: Self.firstMapping,
                detail: 64)
        }
        for (number, size) in [(4, 8193), (5, 8192)] as [(UInt64, UInt64)] {
            component.pages.add("client\(number)") {
                Resource(
                    name: $0, kind: .pagedClient, slot: Self.space + number, address: file, size: size, number: number,
                    detail: Self.target)
            }
        }
    }

    private static func fault(
        _ client: UInt64, _ address: UInt64, syndrome: UInt64 = 0x24 << 26 | 7, badge: UInt64 = Paging.faultBadge
    ) -> Answer {
        answer(.ok, tag: client | badge, ExitTag(.fault, syndrome: syndrome).bits, address)
    }

    private struct Recorder: FaultService {
        var faults: [String] = []
        var answers: [Bool] = []
        mutating func provide(_ fault: PageFault) -> Bool {
            faults.append("\(fault.client.number): \(fault.page)")
            return answers.isEmpty || answers.removeFirst()
        }
    }

    @Test func loadsFromTheFileAreServed() {
        var service = Recorder(answers: [true, false, true])
        kernel.run([
            Self.fault(4, Self.target), answer(.notified, tag: 1), Self.fault(5, Self.target + 8191),
            Self.fault(4, Self.target + 8192),
        ]) { serveFaults(&service) }
        #expect(service.faults == ["4: 0", "5: 1", "4: 2"])
        let (reply, wait, refuse) = (ReplyForm.reply, ReplyForm.wait, ReplyForm.refuse)
        #expect(kernel.asked.map(\.form) == [wait, reply | wait, wait, reply | wait | refuse, reply | wait])
    }

    /// The pager refuses a fault that no page cures, and a call of a component that only claims a fault.
    @Test func otherFaultsAreRefused() {
        let load: UInt64 = 0x24 << 26 | 7
        var service = Recorder()
        let faults = [
            Self.fault(5, Self.target + 8192), Self.fault(4, Self.target - 1), Self.fault(4, Self.target + 3 * 4096),
            Self.fault(4, .max), Self.fault(6, Self.target),
            Self.fault(4, Self.target, badge: 0), Self.fault(4, Self.target, badge: Paging.faultBadge << 1),
            Self.fault(4, Self.target, syndrome: load | 1 << 6), Self.fault(4, Self.target, syndrome: 0x20 << 26 | 7),
            Self.fault(4, Self.target, syndrome: 0x24 << 26 | 0xF), Self.fault(4, Self.target, syndrome: 0),
        ]
        kernel.run(faults) { serveFaults(&service) }
        #expect(service.faults.isEmpty)
        #expect(kernel.asked.count == faults.count + 1)
        #expect(kernel.asked.dropFirst().allSatisfy { $0.form == ReplyForm.reply | ReplyForm.wait | ReplyForm.refuse })
    }

    @Test func aFrameIsFilledMappedAndTakenAway() throws {
        for index in 0..<(3 * 512) { words(file)[index] = UInt64(index) }
        let fault = try #require(kernel.run([]) { PageFault(Self.fault(5, Self.target + 4096 + 77)) })
        kernel.run([answer(.again), answer(.ok), answer(.again), answer(.ok), answer(.noMemory)]) {
            let frames = PageFrames(named: "frames")
            #expect(frames.count == 2, "as many as there is memory for")
            frames.fill(1, for: fault)
            #expect(frames.map(1, for: fault))
            frames.unmap(1)
            #expect(!frames.map(0, for: fault))
        }
        #expect((0..<512).allSatisfy { words(frames)[$0] == 0 && words(frames)[512 + $0] == UInt64(512 + $0) })
        let (slot, rights) = (UInt32(Self.space + 5), UInt64(Rights.read.rawValue))
        let map = ScriptedKernel.Request(
            .map, slot, 0, [Self.extent, Self.target + 4096, 4096, 4096, rights, Self.firstMapping + 1])
        let unmap = ScriptedKernel.Request(.revoke, UInt32(Self.firstMapping + 1), RevokeForm.delete.rawValue)
        let other = ScriptedKernel.Request(
            .map, slot, 0, [Self.extent, Self.target + 4096, 0, 4096, rights, Self.firstMapping])
        #expect(kernel.asked == [map, map, unmap, unmap, other])
    }

    private func words(_ memory: FakeMemory) -> UnsafeMutablePointer<UInt64> {
        // SAFETY: the memory lives as long as this suite, and holds whole words.
        unsafe UnsafeMutablePointer(bitPattern: UInt(memory.address))!
    }
}
