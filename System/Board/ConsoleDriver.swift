import ABI

/// The properties of the console driver, which no manifest describes.
public enum ConsoleDriver {
    /// The name of its program.
    public static let target = "Serial"
    public static let name = "serial"
    public static let core = 0
    /// The priority, which is above that of all tenants that print. Otherwise a tenant that waits for room in its
    /// ring could keep the driver from making room.
    public static let priority = 30
    /// The time limit: a fifth of its core, for any amount of output and any number of signals.
    public static let allowance = TimeAllowance(budget: 200_000, period: 1_000_000)
}
