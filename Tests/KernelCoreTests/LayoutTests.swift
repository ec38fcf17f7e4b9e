import ABI
import Testing

@testable import KernelCore

/// Objects have fixed sizes in the ABI. Their contents must fit, and zero must be a valid first value.
@Suite struct LayoutTests {
    @Test func objectsFitTheirSizes() {
        #expect(MemoryLayout<Capability>.size <= Capability.size)
        #expect(MemoryLayout<CapabilityTable>.size <= CapabilityTable.headerSize)
        #expect(MemoryLayout<Region>.size <= Region.size)
        #expect(MemoryLayout<Portal>.size <= Portal.binding)
        #expect(MemoryLayout<KernelCore.Notification>.size <= KernelCore.Notification.bindings)
        #expect(MemoryLayout<Interrupt>.size <= Interrupt.binding)
        #expect(MemoryLayout<SchedulingContext>.size <= SchedulingContext.binding)
        #expect(MemoryLayout<ExecutionContext>.size <= ExecutionContext.bindings)
        #expect(MemoryLayout<VirtualCPU>.size <= VirtualCPU.size - VirtualCPU.offset)
        #expect(MemoryLayout<AddressSpace>.size <= AddressSpace.headerSize)
        #expect(MemoryLayout<DoorbellTable>.size <= DoorbellTable.bindings)
    }

    /// The bindings lie behind the structures.
    @Test func bindingsFitTheObjects() {
        #expect(Portal.binding + Capability.size <= Portal.size)
        #expect(KernelCore.Notification.bindings + 2 * Capability.size <= KernelCore.Notification.size)
        #expect(Interrupt.binding + Capability.size <= Interrupt.size)
        #expect(SchedulingContext.binding + Capability.size <= SchedulingContext.size)
        #expect(DoorbellTable.bindings + UInt64(DoorbellTable.count) * Capability.size <= DoorbellTable.size)
        #expect(DoorbellTable.size == ObjectSize.doorbellTable)
        #expect(MemoryLayout<InlineArray<512, AtomicWord>>.size == Int(DoorbellTable.doorbellOffset))
        let count = UInt64(NodeRole.stopped.rawValue - NodeRole.space.rawValue + 1)
        #expect(ExecutionContext.bindings + count * Capability.size <= ExecutionContext.size)
    }

    /// The bindings lie one behind the other, from the end of the structure on, so that none lies in the next object's
    /// memory.
    @Test func bindingsLieWhereTheyFit() {
        let place = PhysicalAddress(1 << 20)
        let context = Ref<ExecutionContext>(at: place), table = Ref<DoorbellTable>(at: place)
        let roles = (NodeRole.space.rawValue...NodeRole.stopped.rawValue).compactMap { NodeRole(rawValue: $0) }
        for (index, role) in roles.enumerated() {
            let offset = ExecutionContext.bindings + UInt64(index) * Capability.size
            #expect(context.binding(role).address == place + offset)
        }
        for index in 0..<DoorbellTable.count {
            let offset = DoorbellTable.bindings + UInt64(index) * Capability.size
            #expect(table.binding(index).address == place + offset)
        }
    }
    @Test(
        arguments: [
            (0, 0), (1, 4096), (2, 4096), (3, 4096), (4095, 4096), (4096, 4096), (4097, 8192), (4098, 8192),
        ] as [(UInt64, UInt64)])
    func sizesAreRoundedUpToPages(size: UInt64, pages: UInt64) {
        #expect(Page.roundUp(size) == pages && Page.isAligned(pages) && Page.isAligned(size) == (size == pages))
    }
    @Test func savedRegistersLieWhereTheEntryCodeFindsThem() {
        #expect(MemoryLayout<RegisterFrame>.size == 34 * 8)
        #expect(ExecutionContext.floatingPointOffset == 34 * 8)
        #expect(MemoryLayout<FloatingPointFrame>.size == 66 * 8)
        let systemSize = MemoryLayout<InlineArray<48, UInt64>>.size + MemoryLayout<DebugRegisters>.size
        #expect(VirtualCPU.systemSize == UInt64(systemSize) && VirtualCPU.systemSize % 64 == 0)
    }

    @Test func zeroIsAContextThatIsStoppedAndACapabilityToNothing() {
        let fixture = Fixture()
        let context = Ref<ExecutionContext>(at: fixture.model.take(4096))
        #expect(context.pointee.state == .stopped)
        #expect(context.pointee.space == nil && context.pointee.caller == nil && context.pointee.guest == nil)
        let slot = Ref<Capability>(at: fixture.model.take(4096))
        #expect(slot.pointee.kind == .none && slot.pointee.parent == nil)
    }
}
