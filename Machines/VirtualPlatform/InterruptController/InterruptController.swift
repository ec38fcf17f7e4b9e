import ABI

/// A machine's GICv3: the distributor, and a redistributor for each virtual CPU.
///
/// Guests access the registers in any size. An access that is not aligned to its size, or that meets a reserved
/// register, reads as zero and writes nothing. The registers hold the guest's configuration and pass it on to the
/// kernel, which delivers the interrupts (`InterruptPort`).
public struct InterruptController {
    private var distributor: Distributor
    private var redistributors: InlineArray<8, Redistributor>
    private let virtualCPUCount: Int

    /// Makes the registers' reset state. The kernel must have reset the interrupt state of every virtual CPU as well;
    /// `restore` then makes the two agree.
    /// - Parameter virtualCPUCount: 1…8. A machine of a system has at most `PlatformMap.maximumVirtualCPUs`.
    public init(virtualCPUCount: Int) {
        self.virtualCPUCount = virtualCPUCount
        distributor = Distributor(virtualCPUCount: virtualCPUCount)
        redistributors = InlineArray { Redistributor(number: $0, isLast: $0 == virtualCPUCount - 1) }
    }
}

// MARK: - Registers

extension InterruptController {
    /// Performs an access to any of the registers. Returns the loaded value (zero for a store), or nil if no register
    /// has the address.
    @inline(__always)
    mutating func perform<Port: InterruptPort>(_ access: MemoryAccess, _ port: inout Port) -> UInt64? {
        let inDistributor = access.address &- PlatformMap.distributor
        if inDistributor < PlatformMap.distributorSize {
            if !access.isWrite { return readDistributor(inDistributor, size: access.size, &port) }
            writeDistributor(inDistributor, size: access.size, access.value, &port)
            return 0
        }
        let offset = access.address &- PlatformMap.redistributors
        if !access.isWrite { return readRedistributor(offset, size: access.size, &port) }
        return writeRedistributor(offset, size: access.size, access.value, &port) ? 0 : nil
    }

    /// Reads a register of the distributor.
    /// - Parameter offset: from the distributor's first byte, below `PlatformMap.distributorSize`.
    @inline(__always)
    public mutating func readDistributor<Port: InterruptPort>(_ offset: UInt64, size: UInt64, _ port: inout Port)
        -> UInt64
    {
        if size == 4 && offset & 3 == 0 { return UInt64(distributor.read(offset, &port)) }
        return RegisterLanes.read(offset, size: size) { distributor.read($0, &port) }
    }

    public mutating func writeDistributor<Port: InterruptPort>(
        _ offset: UInt64, size: UInt64, _ value: UInt64, _ port: inout Port
    ) {
        RegisterLanes.write(offset, size: size, value) { distributor.write($0, $1, lanes: $2, &port) }
    }

    /// Reads a register of a redistributor. Returns nil if no virtual CPU has the offset.
    /// - Parameter offset: from the first redistributor's first byte.
    public mutating func readRedistributor<Port: InterruptPort>(_ offset: UInt64, size: UInt64, _ port: inout Port)
        -> UInt64?
    {
        guard let number = redistributor(at: offset) else { return nil }
        let inside = offset % PlatformMap.redistributorStride
        return RegisterLanes.read(inside, size: size) { redistributors[number].read($0, &port) }
    }

    /// Writes a register of a redistributor. Returns false if no virtual CPU has the offset.
    public mutating func writeRedistributor<Port: InterruptPort>(
        _ offset: UInt64, size: UInt64, _ value: UInt64, _ port: inout Port
    ) -> Bool {
        guard let number = redistributor(at: offset) else { return false }
        let inside = offset % PlatformMap.redistributorStride
        RegisterLanes.write(inside, size: size, value) {
            redistributors[number].write($0, $1, lanes: $2, &port)
        }
        return true
    }

    private func redistributor(at offset: UInt64) -> Int? {
        let number = offset / PlatformMap.redistributorStride
        return number < UInt64(virtualCPUCount) ? Int(number) : nil
    }
}

// MARK: - Lines, and a virtual CPU's reset

extension InterruptController {
    /// Makes the input lines of all shared interrupts follow `levels`.
    mutating func takeOver<Port: InterruptPort>(_ levels: borrowing LineLevels, _ port: inout Port) {
        for word in 1..<4 {
            let present = levels.levels(ofWord: word)
            distributor.setLines(ofWord: word, present, &port)
            levels.setFollowed(present, word: word)
        }
    }

    /// Drives the input line of a shared interrupt. Informs the kernel only if the level changes.
    /// - Parameter interrupt: 32…127.
    @inline(__always)
    public mutating func setLine<Port: InterruptPort>(_ interrupt: InterruptID, high: Bool, _ port: inout Port) {
        guard distributor.isHigh(interrupt) != high else { return }
        distributor.setLine(interrupt, high: high, &port)
    }

    /// Returns the interrupt state in the kernel that the reset of a virtual CPU would lose. The caller must fetch it
    /// before the reset, and pass it to `restore` afterwards. The lines are low in between.
    public mutating func latched<Port: InterruptPort>(at virtualCPU: Int, _ port: inout Port) -> LatchedInterrupts {
        var words = LatchedInterrupts()
        words.words[0] = redistributors[virtualCPU].latched(&port)
        for word in 1..<4 { words.words[word] = distributor.latched(at: virtualCPU, word: word, &port) }
        return words
    }

    /// Sends the kernel the configuration of a virtual CPU that was just reset. The interrupt controller is no part
    /// of a CPU, so turning the CPU off and on does not change it.
    public mutating func restore<Port: InterruptPort>(
        _ virtualCPU: Int, _ latched: LatchedInterrupts, _ port: inout Port
    ) {
        redistributors[virtualCPU].restore(latched: latched.words[0], &port)
        for word in 1..<4 { distributor.restore(virtualCPU, word: word, latched: latched.words[word], &port) }
        distributor.restoreForwarding(virtualCPU, &port)
    }
}

/// The pending latches of a virtual CPU's 128 interrupts.
public struct LatchedInterrupts {
    var words = InlineArray<4, UInt32>(repeating: 0)
    public init() {}
}
