import Testing

@testable import KernelCore

/// The features of hardware that the emulator lacks: layouts and encodings of GICs, and the syndrome of a refused
/// access.
@Suite struct SiliconTests {
    /// GICR_TYPER.VLPIS (IHI 0069H, 12.11.41): with GICv4 each redistributor has two more frames.
    @Test func redistributorsOfGICv4LieFurtherApart() {
        #expect(GenericInterruptController.redistributorStride(type: 0) == 0x2_0000)
        #expect(GenericInterruptController.redistributorStride(type: 1) == 0x2_0000)
        #expect(GenericInterruptController.redistributorStride(type: 2) == 0x4_0000)
        #expect(GenericInterruptController.redistributorStride(type: 0x1_0000_0013) == 0x4_0000)
    }

    /// ICH_VTR_EL2.PREbits (12.4.7) holds one less than the bits of preemption.
    @Test(arguments: [(4, 1), (5, 2), (6, 4), (7, 4)] as [(UInt64, Int)])
    func moreBitsOfPreemptionHaveMoreActivePriorities(field: UInt64, registers: Int) {
        #expect(GenericInterruptController.activePriorityRegisters(type: field << 26 | 7 << 29 | 15) == registers)
        #expect(GenericInterruptController.hasMoreActivePriorities(type: field << 26 | 7 << 29 | 15) == (registers > 1))
    }

    /// The affinity is Aff3.Aff2.Aff1.Aff0 as in MPIDR_EL1. The register has bits 55…48, 39…32, 23…16, RS 47…44 and the
    /// list of ICC_SGI1R_EL1 (12.2.20).
    @Test func aSoftwareInterruptReachesEveryAffinity() {
        func command(_ affinity: UInt64) -> UInt64 { GenericInterruptController.softwareInterrupt(to: affinity, 1) }
        #expect(command(0) == 1 << 24 | 1)
        #expect(command(0xF) == 1 << 24 | 1 << 15)
        #expect(command(0x10) == 1 << 44 | 1 << 24 | 1)
        #expect(command(0xFF) == 0xF << 44 | 1 << 24 | 1 << 15)
        #expect(command(0x12_0034_5627) == 0x12 << 48 | 2 << 44 | 0x34 << 32 | 1 << 24 | 0x56 << 16 | 1 << 7)
    }

    @Test func aMachinesSoftwareInterruptMeansItsOwnVirtualCPUsOnly() {
        func targets(_ command: UInt64) -> UInt64 { GenericInterruptController.targets(of: command, sender: 2) }
        #expect(targets(7 << 24 | 0b1011) == 0b1011)
        #expect(targets(1 << 40 | 7 << 24) == 0xFFFB)
        for field in [1 << 16, 1 << 32, 1 << 44, 8 << 44, 1 << 48] as [UInt64] { #expect(targets(field | 0xFFFF) == 0) }
        // INTID and reserved bits say nothing about the targets.
        #expect(targets(0xF << 24 | 1 << 28 | 1 << 63 | 1) == 1)
    }

    /// IRM means all but the sender, for each of the 16 possible senders.
    @Test func aBroadcastLeavesOutItsSenderAlone() {
        for sender in 0..<16 as Range<UInt8> {
            let targets = GenericInterruptController.targets(of: 1 << 40 | 3, sender: sender)
            #expect(targets == 0xFFFF & ~(1 << UInt64(sender)))
        }
    }

    /// ICH_LR<n>_EL2 (12.4.5): state 63 and 62, HW 61, group 60, priority 55…48, pINTID 44…32 or EOI 41, vINTID.
    @Test func aListRegisterHasItsFields() {
        func bits(_ number: UInt32, _ priority: UInt8, hardware: Bool = false, signalsEnd: Bool = false) -> UInt64 {
            ListRegister(pending: number, priority: priority, hardware: hardware, signalsEnd: signalsEnd).bits
        }
        #expect(bits(127, 0xF8) == 1 << 62 | 1 << 60 | 0xF8 << 48 | 127)
        #expect(bits(33, 0, signalsEnd: true) == 1 << 62 | 1 << 60 | 1 << 41 | 33)
        #expect(bits(27, 0x10, hardware: true) == 1 << 62 | 1 << 61 | 1 << 60 | 0x10 << 48 | 27 << 32 | 27)
        #expect(bits(30, 0, hardware: true, signalsEnd: true) == 1 << 62 | 1 << 61 | 1 << 60 | 30 << 32 | 30)
        let states = [0, 1, 2, 3].map { ListRegister(bits: $0 << 62 | 1 << 60 | 0xFF << 48 | 0xFFFF_FFFF) }
        #expect(states.map(\.isFree) == [true, false, false, false])
        #expect(states.map(\.isPending) == [false, true, false, true])
        #expect(states.map(\.isActive) == [false, false, true, true])
        #expect(states.allSatisfy { !$0.isHardware && !$0.signalsEnd && $0.priority == 0xFF && $0.interrupt == .max })
        var register = ListRegister(bits: 1 << 61 | 5)
        #expect(register.isHardware && register.isFree && register.interrupt == 5)
        register.signalEnd()
        #expect(register.signalsEnd && register.bits == 1 << 41 | 5)
        var timer = ListRegister(pending: 27, priority: 0x10, hardware: true, signalsEnd: false)
        timer.signalEnd()
        #expect(timer.bits == 1 << 62 | 1 << 60 | 0x10 << 48 | 1 << 41 | 27)
        #expect(ListRegister.empty.bits == 0)
    }

    /// ESR_EL1 of a refused access follows from ESR_EL2 of the exit (DDI 0487, D19.2.37).
    @Test func aRefusedAccessBecomesTheAbortThatABoardWouldRaise() {
        let load = ExternalAbort(exit: 0x24 << 26 | 1 << 25 | 1 << 24 | 3 << 16 | 7, fromEL0: false)
        #expect(load.syndrome == 0x25 << 26 | 1 << 25 | 0x10)
        #expect(load.hasAddress)
        let store = ExternalAbort(exit: 0x24 << 26 | 1 << 25 | 1 << 6 | 7, fromEL0: true)
        #expect(store.syndrome == 0x24 << 26 | 1 << 25 | 1 << 6 | 0x10)
        let maintenance = ExternalAbort(exit: 0x24 << 26 | 1 << 25 | 1 << 8 | 1 << 6 | 7, fromEL0: false)
        #expect(maintenance.syndrome == 0x25 << 26 | 1 << 25 | 1 << 8 | 1 << 6 | 0x10)
        let fetch = ExternalAbort(exit: 0x20 << 26 | 1 << 25 | 1 << 6 | 6, fromEL0: false)
        #expect(fetch.syndrome == 0x21 << 26 | 1 << 25 | 0x10)
        #expect(fetch.hasAddress)
        // A hypercall has accessed no memory. FAR_EL1 keeps its value, and gets no address of an earlier exit.
        let hypercall = ExternalAbort(exit: 0x16 << 26 | 1 << 25, fromEL0: false)
        #expect(hypercall.syndrome == 1 << 25)
        #expect(!hypercall.hasAddress)
    }
}
