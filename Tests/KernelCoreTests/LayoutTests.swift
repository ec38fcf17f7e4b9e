import ABI
import Testing

@testable import KernelCore

/// Objects have fixed sizes in the ABI of memory; what they hold must fit, and zero must be a valid first value.
@Suite struct LayoutTests {
    @Test func objectsFitTheirSizes() {
        #expect(MemoryLayout<Capability>.size <= CapabilityTable.slotSize)
        #expect(MemoryLayout<CapabilityTable>.size <= CapabilityTable.headerSize)
        #expect(MemoryLayout<Region>.size <= Region.size)
        #expect(MemoryLayout<Portal>.size <= Portal.size)
        #expect(MemoryLayout<KernelCore.Notification>.size <= KernelCore.Notification.size)
        #expect(MemoryLayout<Interrupt>.size <= Interrupt.size)
        #expect(MemoryLayout<SchedulingContext>.size <= SchedulingContext.size)
        #expect(MemoryLayout<ExecutionContext>.size <= ExecutionContext.size)
        #expect(MemoryLayout<VirtualCPU>.size <= VirtualCPU.size - VirtualCPU.offset)
        #expect(MemoryLayout<AddressSpace>.size <= AddressSpace.headerSize)
    }

    @Test func savedRegistersLieWhereTheEntryCodeFindsThem() {
        #expect(MemoryLayout<RegisterFrame>.size == 34 * 8)
        #expect(ExecutionContext.floatingPointOffset == 34 * 8)
        #expect(MemoryLayout<FloatingPointFrame>.size == 66 * 8)
    }

    @Test func zeroIsAContextThatIsStoppedAndACapabilityToNothing() {
        let bench = Bench()
        let context = Ref<ExecutionContext>(at: bench.model.take(4096))
        #expect(context.pointee.state == .stopped)
        #expect(context.pointee.space == nil && context.pointee.caller == nil && context.pointee.guest == nil)
        let slot = Ref<Capability>(at: bench.model.take(4096))
        #expect(slot.pointee.kind == .none && slot.pointee.parent == nil)
    }
}
