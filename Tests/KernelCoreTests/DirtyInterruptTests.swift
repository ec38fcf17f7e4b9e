import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// Interrupts that another core makes pending while a virtual CPU's own core updates its list registers.
@Suite struct DirtyInterruptTests {
    private let fixture = Fixture(cores: 2)
    private let machine: Tenant
    private var model: ModelCore { fixture.model.cores[0] }

    init() {
        machine = fixture.makeVirtualCPU(priority: 5)
        for form in [VirtualInterruptControl.setEdge, .enable] {
            for word in 0..<2 as Range<UInt64> {
                fixture.succeed(.interruptControl, machine.slot, form: form.rawValue, word, 0xFFFF_FFFF)
            }
        }
        fixture.succeed(.interruptControl, machine.slot, form: VirtualInterruptControl.setForwarding.rawValue, 0, 1)
        fixture.sleepRoot()
        #expect(fixture.current() == machine.context)
    }

    /// Another core makes an interrupt pending while this one looks at a timer, at its first look or at a later one,
    /// after it has looked at everything else.
    @Test(arguments: 1...8)
    func anInterruptDuringTheLookIsTakenNext(look: Int) {
        let context = machine.context, other = fixture.model.cores[1]
        var looks = 0
        model.setTimer(27, fixture.model.now)
        model.beforeTimerIsRead = {
            looks += 1
            if looks == look { other.enter { K.pend($0, context, 40) } }
        }
        fixture.settle(0)
        model.beforeTimerIsRead = nil
        #expect(looks > 0)
        var taken: Set<UInt32> = []
        while model.interruptLine {
            let interrupt = model.acknowledge()
            taken.insert(interrupt)
            if interrupt == 27 { model.setTimer(27, .never) }
            model.end(interrupt)
        }
        #expect(taken == (looks >= look ? [27, 40] : [27]))
        // Each entry looks at a timer's line until the guest has taken the interrupt. The next entry finds that it has.
        fixture.enter { _ in }
        let isDirty = machine.guest.pointee.isDirty.load()
        #expect(isDirty == 0)
    }

    /// The kernel takes news before the virtual CPU goes on.
    @Test func nothingIsLeftWhenItGoesOn() {
        fixture.enter(1) { K.pend($0, machine.context, 40) }
        #expect(!model.interruptLine)
        fixture.settle(0)
        let isDirty = machine.guest.pointee.isDirty.load()
        #expect(isDirty == 0 && model.interruptLine && model.acknowledge() == 40)
    }
}
