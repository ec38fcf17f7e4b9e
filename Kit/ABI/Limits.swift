/// The sizes of objects that the kernel accepts. The host tool refuses a plan with larger ones.
public enum KernelLimits {
    /// The slots of a capability table.
    public static let slots: UInt64 = 8192
    /// The page tables of an address space, apart from its root table.
    public static let pageTables: UInt64 = 4096
    /// The doorbells of an address space that pays for a table of them.
    public static let doorbells = 64
    /// The bit of the parameter of `create` by which an address space gets a table of doorbells.
    public static let doorbellTable: UInt64 = 1 << 32
}

/// The time of root's thread. The kernel gives root its core and priority, and root limits its own time once it has
/// started the tenants. The host tool counts with the same numbers.
public enum RootTime {
    public static let core = 0
    public static let priority = 30
    /// The nanoseconds that root may use in each period. `period` counts nanoseconds as well.
    public static let budget: UInt64 = 5_000_000
    public static let period: UInt64 = 20_000_000

    /// Returns the words by which `scheduleControl.setBudget` limits root's time.
    ///
    /// - Parameter frequency: the ticks of the system counter in a second.
    public static func limit(frequency: UInt64) -> Words {
        Words(budget * frequency / 1_000_000_000, period * frequency / 1_000_000_000)
    }
}
