import ABI

// The limits of a manifest's values. The keys and the parser take them from here.
extension BoardDescription {
    static let boards = ["virt"]
    public static let cpuNames = ["cortex-a53", "cortex-a57", "cortex-a72", "cortex-a76", "neoverse-n1", "max"]
    static let onFailures: [(name: String, value: OnFailure)] = [
        ("continue", .goOn), ("reset", .reset), ("power-off", .powerOff),
    ]
    public static let coreCounts = 1...Board.maximumCores
    static let memoryGranule: UInt64 = 2 << 20
    /// The number of bytes that the smallest system needs for the kernel, root, the console driver and their image. The
    /// tool knows the exact size only when it has built the programs.
    static let leastOwnMemory: UInt64 = 1 << 20
    static let memorySizes: ClosedRange<UInt64> = (64 << 20)...(255 << 30)

    /// Returns the rule that a size of the board's memory breaks, or nil if it breaks none.
    public static func conflict(ofMemory bytes: UInt64) -> String? {
        guard memorySizes.contains(bytes) else {
            return "outside \(ByteSize(bytes: memorySizes.lowerBound)) to \(ByteSize(bytes: memorySizes.upperBound))"
        }
        return bytes.isMultiple(of: memoryGranule) ? nil : "which is no multiple of \(ByteSize(bytes: memoryGranule))"
    }
}

extension MachineDescription {
    static let cpuCounts = 1...MachineConfiguration.maximumVirtualCPUs
    static let memoryGranule = GuestImage.blockSize
    /// The length of a command line, at most. Linux for arm64 cuts off longer ones (COMMAND_LINE_SIZE).
    static let maximumCommandLine = 2047
}

extension ComponentDescription {
    static let memoryGranule = Program.pageSize
    static let memorySizes: ClosedRange<UInt64> = 0...(1 << 30)
    /// The sizes of a stack. Even below the largest stack a page stays unmapped, so that an overflow faults.
    static let stackSizes: ClosedRange<UInt64> = Program.pageSize...(ComponentLayout.stackStride - Program.pageSize)
    static let sharedSizes: ClosedRange<UInt64> = 0...ComponentLayout.maximumShared
    /// The limits of a budget in nanoseconds. `periods` are those of a period.
    static let budgets: ClosedRange<UInt64> = 10_000...10_000_000_000
    static let periods: ClosedRange<UInt64> = 100_000...10_000_000_000
    static let maximumArguments = 8
    static let maximumConnections = 32
}

extension TenantDescription {
    static let nameSize = 32
    static let priorities = 0...31
    /// The number of tenants, at most. The channels of the kernel, root and the console driver come out of the same
    /// numbers.
    static let maximumCount = ConsoleChannel.maximum - 3
    /// The number of spaces, at most. Each has a translation identifier of eight bits, and none has the
    /// identifier 0.
    static let maximumSpaces = 255
    /// The length of a name, at most. It is one byte less than a tenant's record holds, so that a zero always ends
    /// the name.
    public static let maximumName = nameSize - 1
    /// The names of the consoles that every system has.
    public static let reservedNames = ["kernel", "root", "serial"]
}

extension GroupDescription {
    static let maximum = 32
}
