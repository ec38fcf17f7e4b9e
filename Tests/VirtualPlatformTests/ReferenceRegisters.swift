@testable import VirtualPlatform

/// A GICv3's registers in the simplest form: a record for each interrupt, which is read bit by bit. The monitor's
/// implementation with masks and lanes must look the same to a guest and to the kernel.
struct ReferenceRegisters {
    struct Line {
        var isGroup1 = false
        var isEnabled = false
        var isEdge = false
        var isHigh = false
        var priority: UInt8 = 0
        /// The virtual CPU to which the interrupt goes.
        var owner = 0
        /// The value of GICD_IROUTER.
        var route: UInt64 = 0
    }

    let count: Int
    /// INTIDs 32…127; the first 32 are not used.
    var shared = Array(repeating: Line(), count: 128)
    /// INTIDs 0…31 of each virtual CPU.
    var own: [[Line]]
    /// The kernel's state of each virtual CPU.
    var latched: [[Bool]]
    var active: [[Bool]]
    var groups: UInt32 = 0
    var sleeps: [Bool]

    init(count: Int) {
        self.count = count
        own = (0..<count).map { number in
            (0..<32).map { Line(isEdge: $0 < 16, owner: number) }
        }
        latched = Array(repeating: Array(repeating: false, count: 128), count: count)
        active = latched
        sleeps = Array(repeating: true, count: count)
    }

    func line(_ number: Int, of virtualCPU: Int) -> Line {
        number < 32 ? own[virtualCPU][number] : shared[number]
    }

    private mutating func change(_ number: Int, of virtualCPU: Int, _ body: (inout Line) -> Void) {
        if number < 32 { body(&own[virtualCPU][number]) } else { body(&shared[number]) }
    }
}

// MARK: - Events

extension ReferenceRegisters {
    mutating func setLine(_ number: Int, _ isHigh: Bool) {
        let line = shared[number]
        if isHigh, !line.isHigh, line.isEdge { latched[line.owner][number] = true }
        shared[number].isHigh = isHigh
    }

    private mutating func move(_ number: Int, to new: Int) {
        let old = shared[number].owner
        guard new != old else { return }
        latched[new][number] = latched[old][number] || latched[new][number]
        latched[old][number] = false
        shared[number].owner = new
    }

    /// Turns a virtual CPU off and on. The interrupt controller keeps its state, but active interrupts are forgotten.
    mutating func reset(_ virtualCPU: Int) {
        active[virtualCPU] = Array(repeating: false, count: 128)
        // The timers' states are not kept, because they would latch the levels of the lines.
        for number in [27, 30] { latched[virtualCPU][number] = false }
    }

    func isPending(_ number: Int, of virtualCPU: Int) -> Bool {
        let line = line(number, of: virtualCPU)
        return latched[line.owner][number] || line.isHigh && !line.isEdge
    }

    /// Returns true if an interrupt is active there. A shared one that was routed away is active where it was taken.
    func isActive(_ number: Int, of virtualCPU: Int) -> Bool {
        number < 32 ? active[virtualCPU][number] : active.contains { $0[number] }
    }
}

// MARK: - Registers

extension ReferenceRegisters {
    /// Reads a register of the distributor, or of the redistributor's second frame if `virtualCPU` is given.
    func read(_ offset: UInt64, of virtualCPU: Int?) -> UInt32 {
        let numbers = virtualCPU == nil ? 32..<128 : 0..<32
        let owner = virtualCPU ?? 0
        func collect(_ first: Int, _ width: Int, _ bits: (Int) -> UInt32) -> UInt32 {
            (0..<32 / width).reduce(0) {
                numbers.contains(first + $1) ? $0 | bits(first + $1) << UInt32($1 * width) : $0
            }
        }
        func bits(_ isSet: (Int) -> Bool) -> UInt32 { collect(Int(offset & 0x7F) * 8, 1) { isSet($0) ? 1 : 0 } }
        switch offset {
        case 0x080..<0x100: return bits { line($0, of: owner).isGroup1 }
        case 0x100..<0x200: return bits { line($0, of: owner).isEnabled }
        case 0x200..<0x300: return bits { isPending($0, of: owner) }
        case 0x300..<0x400: return bits { isActive($0, of: owner) }
        case 0x400..<0x800: return collect(Int(offset - 0x400), 8) { UInt32(line($0, of: owner).priority) }
        case 0xC00..<0xD00: return collect(Int(offset - 0xC00) * 4, 2) { line($0, of: owner).isEdge ? 2 : 0 }
        default: return virtualCPU == nil ? readDistributor(offset) : 0
        }
    }

    private func readDistributor(_ offset: UInt64) -> UInt32 {
        switch offset {
        case 0x0000: return 0x50 | groups
        // 128 interrupts of 10 bits, No1N.
        case 0x0004: return 0x0248_0003
        case 0x0008: return 0x43B
        case 0xFFE8: return 0x3B
        case 0x6100..<0x6400:
            let route = shared[Int(offset - 0x6000) / 8].route
            return UInt32(truncatingIfNeeded: offset & 4 == 0 ? route : route >> 32)
        default: return 0
        }
    }

    /// Reads a register of the redistributor's first frame.
    func readControl(_ offset: UInt64, of virtualCPU: Int) -> UInt32 {
        switch offset {
        case 0x0004: return 0x43B
        case 0x0008: return UInt32(virtualCPU) << 8 | (virtualCPU == count - 1 ? 0x10 : 0)
        case 0x000C: return UInt32(virtualCPU)
        case 0x0014: return sleeps[virtualCPU] ? 6 : 0
        case 0xFFE8: return 0x3B
        default: return 0
        }
    }

    /// Writes the bits in `lanes` of a register.
    mutating func write(_ offset: UInt64, _ value: UInt32, lanes: UInt32, of virtualCPU: Int?) {
        let numbers = virtualCPU == nil ? 32..<128 : 0..<32
        let owner = virtualCPU ?? 0
        for place in 0..<32 where lanes >> UInt32(place) & 1 != 0 {
            let isOne = value >> UInt32(place) & 1 != 0
            let number = Int(offset & 0x7F) * 8 + place
            switch offset {
            case 0x080..<0x400 where numbers.contains(number):
                writeBit(offset >> 7, number, isOne, of: owner)
            case 0x400..<0x800:
                let number = Int(offset - 0x400) + place / 8
                let bit: UInt8 = 1 << UInt8(place & 7)
                guard numbers.contains(number), bit >= 8 else { continue }
                change(number, of: owner) { $0.priority = isOne ? $0.priority | bit : $0.priority & ~bit }
            case 0xC00..<0xD00:
                let number = Int(offset - 0xC00) * 4 + place / 2
                guard numbers.contains(number), number >= 16, place & 1 == 1 else { continue }
                change(number, of: owner) { $0.isEdge = isOne }
            default: continue
            }
        }
        if virtualCPU == nil { writeDistributor(offset, value, lanes) }
    }

    private mutating func writeBit(_ register: UInt64, _ number: Int, _ isOne: Bool, of virtualCPU: Int) {
        let owner = line(number, of: virtualCPU).owner
        switch (register, isOne) {
        case (1, _): change(number, of: virtualCPU) { $0.isGroup1 = isOne }
        case (2, true): change(number, of: virtualCPU) { $0.isEnabled = true }
        case (3, true): change(number, of: virtualCPU) { $0.isEnabled = false }
        case (4, true): latched[owner][number] = true
        case (5, true): latched[owner][number] = false
        case (6, true): active[owner][number] = true
        case (7, true):
            for place in active.indices where number >= 32 || place == virtualCPU { active[place][number] = false }
        default: break
        }
    }

    private mutating func writeDistributor(_ offset: UInt64, _ value: UInt32, _ lanes: UInt32) {
        if offset == 0 { groups = (groups & ~lanes | value & lanes) & 3 }
        guard (0x6100..<0x6400).contains(offset) else { return }
        let number = Int(offset - 0x6000) / 8
        let shift: UInt64 = offset & 4 == 0 ? 0 : 32
        let kept = shared[number].route & ~(UInt64(lanes) << shift)
        shared[number].route = (kept | UInt64(value & lanes) << shift) & 0xFF_00FF_FFFF
        // The kernel delivers the interrupts of virtio devices and of shared regions to virtual CPU 0.
        if (48..<56).contains(number) || (80..<88).contains(number) { return }
        if shared[number].route < UInt64(count) { move(number, to: Int(shared[number].route)) }
    }

    mutating func writeControl(_ offset: UInt64, _ value: UInt32, lanes: UInt32, of virtualCPU: Int) {
        if offset == 0x14, lanes & 2 != 0 { sleeps[virtualCPU] = value & 2 != 0 }
    }
}
