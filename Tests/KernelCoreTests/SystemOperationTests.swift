import ABI
import MachineModel
import Testing

@testable import KernelCore

/// The operations of `system` after which there is still a board.
@Suite struct SystemOperationTests {
    private let bench = Bench(cores: 2)

    private func system(_ form: SystemForm, _ words: [UInt64]) -> Answer {
        bench.operate(
            bench.root, ABI.Operation.system.rawValue, Selector(slot: InitialSlot.system, form: form.rawValue), words)
    }

    /// 40 bytes in five registers, the first in the lowest bits.
    @Test(arguments: [0, 1, 7, 8, 9, 39, 40] as [UInt64]) func theConsoleGetsEachByteOnce(count: UInt64) {
        let bytes = (0..<40 as Range<UInt64>).map { UInt8($0 + 0x41) }
        let words = (0..<5).map { word in (0..<8).reduce(0) { $0 | UInt64(bytes[word * 8 + $1]) << UInt64($1 * 8) } }
        #expect(system(.writeConsole, [count] + words).status == .ok)
        #expect(bench.model.console == Array(bytes[..<Int(count)]))
        #expect(system(.writeConsole, [41] + words).status == .badArgument)
        #expect(bench.model.console.count == Int(count))
    }

    @Test func countersAreOfTheCoreThatIsNamed() {
        for core in [0, 1] as [UInt64] {
            bench.core(Int(core)).pointee.entries = 1000 * (core + 1)
            bench.core(Int(core)).pointee.switches = 500 * (core + 1)
        }
        #expect(system(.readCounter, [1, SystemCounter.entries.rawValue]).words[0] == 2000)
        #expect(system(.readCounter, [1, SystemCounter.switches.rawValue]).words[0] == 1000)
        #expect(system(.readCounter, [0, SystemCounter.switches.rawValue]).words[0] == 500)
        #expect(system(.readCounter, [2, 0]).status == .badArgument)
        #expect(system(.readCounter, [0, 2]).status == .badArgument)
    }

    /// Those that devices share begin at 32; there is one capability for each.
    @Test func interruptsHaveNumbers() {
        func create(_ number: UInt64) -> Status? {
            system(.createInterrupt, [number, UInt64(bench.freeSlot()), UInt64(bench.region)]).status
        }
        for number in [0, 31, 256, 1 << 32 | 40] as [UInt64] { #expect(create(number) == .badArgument) }
        for number in [32, 255] as [UInt64] {
            #expect(create(number) == .ok)
            #expect(create(number) == .badState)
        }
    }

    @Test func theCapabilityAndTheFormAreChecked() {
        let weak = bench.derive(InitialSlot.system, rights: .read)
        let form = SystemForm.readCounter.rawValue
        #expect(bench.operate(.system, weak, form: form, 0, 0).status == .noRights)
        #expect(bench.operate(.system, InitialSlot.thread, form: form, 0, 0).status == .badCapability)
        #expect(bench.operate(.system, InitialSlot.system, form: 5).status == .unsupported)
    }
}
