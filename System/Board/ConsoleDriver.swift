import ABI

/// Describes how the console driver runs, because no manifest does.
public enum ConsoleDriver {
    /// The program.
    public static let target = "Serial"
    public static let name = "serial"
    public static let core = 0
    /// More urgent than everything that talks to it, or a tenant that waits for room in its ring would keep it from
    /// making room.
    public static let priority = 30
    /// A fifth of its core, however much is printed and however often it is called.
    public static let allowance = TimeAllowance(budget: 200_000, period: 1_000_000)
}
