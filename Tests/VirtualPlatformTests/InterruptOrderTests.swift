import ABI
import Testing

@testable import VirtualPlatform

/// Records the calls to the kernel and the queries, in order, and answers that the same bits are pending in each word.
private struct ToldPort: InterruptPort {
    var told: [String] = []
    var pending: UInt32 = 0

    mutating func control(_ form: VirtualInterruptControl, virtualCPU: Int, index: UInt64, value: UInt64) {
        told.append("\(form) \(virtualCPU) \(index) \(value)")
    }

    mutating func state(ofWord word: Int, virtualCPU: Int) -> InterruptWordState {
        told.append("state \(virtualCPU) \(word)")
        return InterruptWordState(pending: pending, active: 0)
    }
}

/// The kernel gets the news of a change step by step in the right order, because between two steps a virtual CPU may
/// take a pending interrupt.
@Suite struct InterruptOrderTests {
    private func controller(_ count: Int) -> InterruptController { InterruptController(virtualCPUCount: count) }

    /// Makes INTID 40 with a priority, perhaps enabled, edge-triggered and with a high line.
    private func busy(_ count: Int, _ port: inout ToldPort) -> InterruptController {
        var controller = controller(count)
        controller.writeDistributor(0x428, size: 1, 0xA0, &port)
        controller.writeDistributor(0x104, size: 4, 1 << 8, &port)
        controller.writeDistributor(0xC08, size: 4, 2 << 16, &port)
        controller.setLine(InterruptID(40), high: true, &port)
        return controller
    }

    @Test func anInterruptIsDisabledFirstAndEnabledLastWhenItMoves() {
        var port = ToldPort()
        var controller = busy(4, &port)
        port = ToldPort(pending: 1 << 8)
        controller.writeDistributor(0x6140, size: 8, 1, &port)
        #expect(
            port.told == [
                "disable 0 1 256", "setLevel 0 40 0", "state 0 1", "clearPending 0 1 256", "setPriority 1 40 160",
                "setLevel 1 40 1", "clearPending 1 1 256", "setPending 1 1 256", "enable 1 1 256",
            ])
        port = ToldPort(pending: 0)
        controller.writeDistributor(0x6140, size: 8, 3, &port)
        #expect(
            port.told == [
                "disable 1 1 256", "setLevel 1 40 0", "state 1 1", "setPriority 3 40 160", "setLevel 3 40 1",
                "clearPending 3 1 256", "enable 3 1 256",
            ])
    }

    @Test func ofAnInterruptAtRestOnlyThePriorityMoves() {
        var port = ToldPort()
        var controller = controller(2)
        controller.writeDistributor(0x6140, size: 8, 1, &port)
        #expect(port.told == ["state 0 1", "setPriority 1 40 0"])
        port = ToldPort()
        controller.setLine(InterruptID(40), high: true, &port)
        controller.writeDistributor(0x6140, size: 8, 0, &port)
        #expect(
            port.told == [
                "setLevel 1 40 1", "setLevel 1 40 0", "state 1 1", "setPriority 0 40 0", "setLevel 0 40 1",
            ])
    }

    @Test func aResetVirtualCPUHearsOfItsLinesBeforeItsTriggers() {
        var port = ToldPort()
        var controller = busy(2, &port)
        controller.setLine(InterruptID(41), high: true, &port)
        controller.writeDistributor(0, size: 4, 2, &port)
        port = ToldPort(pending: 0x300)
        let latched = controller.latched(at: 0, &port)
        #expect(
            port.told == [
                "state 0 0", "setLevel 0 40 0", "setLevel 0 41 0", "state 0 1", "state 0 2", "state 0 3",
            ])
        port.told = []
        controller.restore(0, latched, &port)
        #expect(
            port.told == [
                "setEdge 0 0 65535", "setPending 0 0 768", "setLevel 0 40 1", "setLevel 0 41 1", "setEdge 0 1 256",
                "setPriority 0 40 160", "setPending 0 1 768", "enable 0 1 256", "setEdge 0 2 0", "setPending 0 2 768",
                "setEdge 0 3 0", "setPending 0 3 768", "setForwarding 0 0 1",
            ])
        // The other virtual CPU keeps none of the shared interrupts.
        port.told = []
        let none = controller.latched(at: 1, &port)
        #expect(none.words[0] == 0x300 && none.words[1] == 0 && none.words[2] == 0 && none.words[3] == 0)
        controller.restore(1, LatchedInterrupts(), &port)
        #expect(
            port.told == [
                "state 1 0", "setEdge 1 0 65535", "setEdge 1 1 256", "setEdge 1 2 0", "setEdge 1 3 0",
                "setForwarding 1 0 1",
            ])
    }

    /// A timer may have been pending by its line, which is low after the reset.
    @Test func aResetVirtualCPUsTimersAreNotLatched() {
        var port = ToldPort(pending: 1 << 27 | 1 << 30 | 1 << 28)
        var controller = controller(2)
        let latched = controller.latched(at: 1, &port)
        #expect(latched.words[0] == 1 << 28)
        #expect(controller.latched(at: 0, &port).words[1] == 1 << 27 | 1 << 30 | 1 << 28)
    }

    @Test func aResetVirtualCPUIsToldOfNoOtherOnesInterrupts() {
        var port = ToldPort()
        var controller = controller(2)
        // INTID 40 and 41 are enabled, have priorities and high lines; 41 belongs to virtual CPU 1.
        controller.writeDistributor(0x104, size: 4, 0x300, &port)
        controller.writeDistributor(0x428, size: 4, 0xB0A0, &port)
        controller.writeDistributor(0x6148, size: 8, 1, &port)
        for number in [40, 41] { controller.setLine(InterruptID(number), high: true, &port) }
        for (virtualCPU, bits) in [(0, 256), (1, 512)] {
            port.told = []
            controller.restore(virtualCPU, LatchedInterrupts(), &port)
            let number = 40 + virtualCPU
            #expect(port.told.filter { $0.hasPrefix("enable") } == ["enable \(virtualCPU) 1 \(bits)"])
            #expect(port.told.filter { $0.hasPrefix("setLevel") } == ["setLevel \(virtualCPU) \(number) 1"])
            #expect(port.told.filter { $0.hasPrefix("setPriority") }.count == 1)
        }
    }

    /// Each owner of some bits is told of these, and not of the others'.
    @Test func aBitIsToldToItsOwner() {
        var port = ToldPort()
        var controller = controller(3)
        controller.writeDistributor(0x6140, size: 8, 2, &port)
        port = ToldPort()
        controller.writeDistributor(0x204, size: 4, 0x101, &port)
        controller.writeDistributor(0x284, size: 4, 0x100, &port)
        controller.writeDistributor(0x304, size: 4, 0x001, &port)
        controller.writeDistributor(0x104, size: 4, 0x101, &port)
        controller.writeDistributor(0x184, size: 4, 0x301, &port)
        #expect(
            port.told == [
                "setPending 0 1 1", "setPending 2 1 256", "clearPending 2 1 256", "setActive 0 1 1", "enable 0 1 1",
                "enable 2 1 256", "disable 0 1 1", "disable 2 1 256",
            ])
        port = ToldPort()
        controller.writeDistributor(0x384, size: 4, 0x101, &port)
        #expect(port.told == ["clearActive 0 1 257", "clearActive 1 1 257", "clearActive 2 1 257"])
    }

    /// The virtual CPU of private interrupts is told of them, and is the only one asked.
    @Test func aPrivateBitIsToldToItsVirtualCPU() {
        var port = ToldPort()
        var controller = controller(3)
        func write(_ offset: UInt64, _ value: UInt64) -> [String] {
            port = ToldPort()
            let isThere = controller.writeRedistributor(0x3_0000 + offset, size: 4, value, &port)
            #expect(isThere)
            return port.told
        }
        #expect(write(0x380, 6) == ["clearActive 1 0 6"])
        #expect(write(0x380, 0) == [])
        #expect(write(0x200, 6) == ["setPending 1 0 6"])
        #expect(write(0xC04, 2) == ["setEdge 1 0 131071"])
        #expect(write(0xC04, 2) == [] && write(0xC00, 0) == [])
        #expect(write(0x41C, 0x9000_0000) == ["setPriority 1 31 144"])
        port = ToldPort(pending: 5)
        let pending = controller.readRedistributor(0x3_0200, size: 4, &port)
        #expect(pending == 5 && port.told == ["state 1 0"])
    }

    // MARK: Raw accesses of the distributor

    @Test func anAccessBringsNoMoreBytesThanItsSize() {
        var port = ToldPort()
        var controller = controller(1)
        controller.writeDistributor(0x420, size: 8, 0x8070_6050_4030_2010, &port)
        #expect(controller.readDistributor(0x420, size: 1, &port) == 0x10)
        #expect(controller.readDistributor(0x420, size: 2, &port) == 0x2010)
        #expect(controller.readDistributor(0x420, size: 4, &port) == 0x4030_2010)
        #expect(controller.readDistributor(0x420, size: 8, &port) == 0x8070_6050_4030_2010)
        for offset in [0x421, 0x422, 0x423, 0x1, 0x6, 0xFFE9] as [UInt64] {
            #expect(controller.readDistributor(offset, size: 4, &port) == 0)
        }
        #expect(controller.readDistributor(0x422, size: 2, &port) == 0x4030)
    }
}
