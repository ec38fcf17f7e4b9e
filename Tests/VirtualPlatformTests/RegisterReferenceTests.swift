import ABI
import Testing

@testable import VirtualPlatform

/// Plays accesses and events on the devices and on the reference at once.
private struct RegisterRun {
    var fixture: Fixture
    var reference: ReferenceRegisters
    var generator: SeededGenerator
    let count: Int

    init(virtualCPUs count: Int, seed: UInt64) {
        self.count = count
        fixture = Fixture(virtualCPUs: count)
        reference = ReferenceRegisters(count: count)
        generator = SeededGenerator(state: seed)
    }

    mutating func below(_ limit: UInt64) -> UInt64 { generator.next() % limit }

    /// A frame of registers: the distributor's, or one of a redistributor's two.
    struct Frame {
        /// The virtual CPU of a redistributor, or nil for the distributor.
        var virtualCPU: Int?
        var isControl = false
        var base: UInt64
    }

    mutating func frame() -> Frame {
        if below(5) < 3 { return Frame(virtualCPU: nil, base: PlatformMap.distributor) }
        let number = Int(below(UInt64(count)))
        let isControl = below(4) == 0
        return Frame(
            virtualCPU: number, isControl: isControl, base: Fixture.redistributor(number, isControl ? 0 : 0x1_0000))
    }

    private static let edges: [UInt64] = [
        0x7F, 0x80, 0x3FC, 0x400, 0x7FC, 0x800, 0xBFC, 0xC00, 0xCFC, 0xD00, 0x60FC, 0x6400,
    ]

    /// Returns the offset of a register that exists, of a neighbour in either direction, or of a reserved one.
    mutating func offset(_ frame: Frame) -> UInt64 {
        if frame.isControl { return below(4) == 0 ? 0xFFE0 + below(16) : below(32) }
        let isShared = frame.virtualCPU == nil
        switch below(20) {
        case 0: return below(16)
        case 1: return below(0x1_0000)
        case 2: return 0xFFE0 + below(16)
        case 3...9: return (1 + below(7)) << 7 + below(isShared ? 24 : 8)
        case 10...12: return 0x400 + below(isShared ? 140 : 40)
        case 13...14: return 0xC00 + below(isShared ? 40 : 12)
        case 15: return Self.edges[Int(below(UInt64(Self.edges.count)))]
        default: return 0x6100 + below(0x30) + 0x100 * below(3)
        }
    }

    /// Small numbers are virtual CPUs that exist.
    mutating func value() -> UInt64 {
        switch below(4) {
        case 0: return below(6)
        case 1: return .max
        default: return generator.next()
        }
    }

    func word(_ frame: Frame, _ offset: UInt64) -> UInt32 {
        guard let number = frame.virtualCPU, frame.isControl else {
            return reference.read(offset, of: frame.virtualCPU)
        }
        return reference.readControl(offset, of: number)
    }

    /// Returns the expected value, byte by byte from the registers to which the bytes belong.
    func expected(_ frame: Frame, _ offset: UInt64, _ size: UInt64) -> UInt64 {
        guard offset % size == 0 else { return 0 }
        return (0..<size).reduce(0) {
            let byte = word(frame, (offset + $1) & ~3) >> UInt32(8 * ((offset + $1) & 3)) & 0xFF
            return $0 | UInt64(byte) << (8 * $1)
        }
    }

    mutating func read(_ frame: Frame, _ offset: UInt64, _ size: UInt64) {
        let loaded = fixture.load(frame.base + offset, size: size)
        let wanted = expected(frame, offset, size)
        #expect(loaded == wanted, "\(frame), offset \(String(offset, radix: 16)), \(size) bytes")
    }

    mutating func write(_ frame: Frame, _ offset: UInt64, _ size: UInt64) {
        let value = value()
        let isStored = fixture.store(frame.base + offset, value, size: size)
        #expect(isStored)
        guard offset % size == 0 else { return }
        for first in stride(from: offset & ~3, to: offset + size, by: 4) {
            var lanes: UInt32 = 0
            var part: UInt32 = 0
            for byte in 0..<size where (offset + byte) & ~3 == first {
                let shift = UInt32(8 * ((offset + byte) & 3))
                lanes |= 0xFF << shift
                part |= UInt32(value >> (8 * byte) & 0xFF) << shift
            }
            if let number = frame.virtualCPU, frame.isControl {
                reference.writeControl(first, part, lanes: lanes, of: number)
            } else {
                reference.write(first, part, lanes: lanes, of: frame.virtualCPU)
            }
        }
    }

    mutating func step() {
        switch below(16) {
        case 0: drive(32 + Int(below(96)), high: below(2) == 0)
        // The accesses often meet these interrupts.
        case 1: drive(32 + Int(below(16)), high: below(3) != 0)
        case 2: take(Int(below(UInt64(count))))
        case 3 where below(3) == 0: readAll()
        case 4 where below(4) == 0: reset(Int(below(UInt64(count))))
        default:
            let frame = frame()
            let size: UInt64 = 1 << below(4)
            let offset = offset(frame)
            // Some accesses are not aligned.
            let aligned = below(16) == 0 ? offset : offset & ~(size - 1)
            if below(3) == 0 { read(frame, aligned, size) } else { write(frame, aligned, size) }
        }
    }

    /// Reads all registers that may have changed.
    private mutating func readAll() {
        for register in 1...7 as ClosedRange<UInt64> {
            for number in 0..<count {
                read(Frame(virtualCPU: number, base: Fixture.redistributor(number, 0x1_0000)), register << 7, 4)
            }
            for word in 0..<4 as Range<UInt64> {
                read(Frame(virtualCPU: nil, base: PlatformMap.distributor), register << 7 + 4 * word, 4)
            }
        }
    }

    private mutating func drive(_ number: Int, high: Bool) {
        fixture.devices.interrupts.setLine(InterruptID(number), high: high, &fixture.environment)
        reference.setLine(number, high)
    }

    /// Lets the guest acknowledge the first interrupt that the kernel has latched, without the monitor.
    private mutating func take(_ virtualCPU: Int) {
        guard let number = reference.latched[virtualCPU].firstIndex(of: true) else { return }
        let bit: UInt32 = 1 << UInt32(number & 31)
        fixture.environment.virtualCPUs[virtualCPU].latched[number >> 5] &= ~bit
        fixture.environment.virtualCPUs[virtualCPU].active[number >> 5] |= bit
        reference.latched[virtualCPU][number] = false
        reference.active[virtualCPU][number] = true
    }

    private mutating func reset(_ virtualCPU: Int) {
        let latched = fixture.devices.interrupts.latched(at: virtualCPU, &fixture.environment)
        fixture.environment.virtualCPUs[virtualCPU] = FakeEnvironment.Interrupts()
        fixture.devices.interrupts.restore(virtualCPU, latched, &fixture.environment)
        reference.reset(virtualCPU)
    }

    /// Returns true if the kernel was told the right state of each virtual CPU.
    func check(_ step: Int) -> Bool {
        for (number, environment) in fixture.environment.virtualCPUs.enumerated() {
            let wanted = reference.environment(number, priorities: environment.priorities)
            #expect(environment == wanted, "step \(step), virtual CPU \(number)")
            if environment != wanted { return false }
        }
        return true
    }
}

extension ReferenceRegisters {
    /// Returns the expected state of a virtual CPU in the kernel. The priority of an interrupt that it does not keep
    /// has no meaning.
    func environment(_ virtualCPU: Int, priorities: [UInt8]) -> FakeEnvironment.Interrupts {
        var environment = FakeEnvironment.Interrupts()
        environment.forwards = groups & 2 != 0
        environment.priorities = priorities
        for number in 0..<128 {
            let line = line(number, of: virtualCPU)
            let bit: UInt32 = 1 << UInt32(number & 31)
            let word = number >> 5
            if line.isEdge { environment.edge[word] |= bit }
            if latched[virtualCPU][number] { environment.latched[word] |= bit }
            if active[virtualCPU][number] { environment.active[word] |= bit }
            guard line.owner == virtualCPU else { continue }
            if line.isEnabled { environment.enabled[word] |= bit }
            if line.isHigh { environment.level[word] |= bit }
            environment.priorities[number] = line.priority
        }
        return environment
    }
}

/// Accesses every register by bytes, halfwords, words and doublewords, with events of interrupts in between.
@Suite struct RegisterReferenceTests {
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func theRegistersAreAsAPlainTableOfInterrupts(seed: UInt64) {
        var run = RegisterRun(virtualCPUs: [1, 2, 3, 8][Int(seed % 4)], seed: seed)
        for step in 0..<400 {
            run.step()
            if step % 8 == 7, !run.check(step) { return }
        }
    }

    /// Each register by each size of access, with its neighbours in place.
    @Test func everyLaneOfARegisterIsItsOwn() {
        var run = RegisterRun(virtualCPUs: 3, seed: 77)
        let distributor = RegisterRun.Frame(virtualCPU: nil, base: PlatformMap.distributor)
        let own = RegisterRun.Frame(virtualCPU: 1, base: Fixture.redistributor(1, 0x1_0000))
        let control = RegisterRun.Frame(virtualCPU: 1, isControl: true, base: Fixture.redistributor(1, 0))
        for _ in 0..<4 { tryLanes(&run, control, 0x10) }
        for offset in [0, 0x6100, 0x63F8, 0x418, 0x478, 0xC00, 0xC18] as [UInt64] {
            tryLanes(&run, distributor, offset)
        }
        for offset in [0x400, 0x418, 0xC00] as [UInt64] { tryLanes(&run, own, offset) }
        for register in 1...7 as ClosedRange<UInt64> {
            tryLanes(&run, distributor, register << 7)
            tryLanes(&run, distributor, register << 7 + 8)
            tryLanes(&run, own, register << 7)
        }
        #expect(run.check(0))
    }

    private func tryLanes(_ run: inout RegisterRun, _ frame: RegisterRun.Frame, _ first: UInt64) {
        for size in [1, 2, 4, 8] as [UInt64] {
            for offset in stride(from: first, to: first + 8, by: Int(size)) {
                run.write(frame, offset, size)
                run.read(frame, first, 8)
                run.read(frame, offset, size)
            }
        }
    }
}
