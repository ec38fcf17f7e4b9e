/// The slots that root fills before a tenant starts. No capability ever has slot 0.
public enum InitialSlot {
    public static let table: UInt32 = 1
    public static let space: UInt32 = 2
    public static let thread: UInt32 = 3
    /// The tenant's own notification, on which its thread waits. Root has none.
    public static let notification: UInt32 = 4
    /// The notification of the console driver. The tenant signals it when output is waiting.
    public static let consoleOutput: UInt32 = 5

    /// The first of the slots of a component that receive the capabilities of messages.
    public static let firstReceived: UInt32 = 32
    public static let receivedCount: UInt32 = 32
    /// The first of the slots that the host tool assigns. The tenant's `Resource`s name them.
    public static let firstAssigned: UInt32 = 64
}

/// The further slots of root, which the kernel fills.
public enum RootSlot {
    public static let system: UInt32 = 8
    /// The device registers of the board, as one extent (read, write).
    public static let devices: UInt32 = 9
    /// The image behind the kernel (read, execute).
    public static let image: UInt32 = 10
    /// The scheduling context of root's own thread.
    public static let time: UInt32 = 11
    /// The first of up to `regionCount` regions of free RAM. This one is the largest and begins at a multiple of 2
    /// MiB.
    public static let firstRegion: UInt32 = 16
    public static let regionCount: UInt32 = 8
    /// Pages for the page tables of root's space.
    public static let rootPageTables: UInt64 = 48
    /// The first slot that root may use as it likes.
    public static let firstFree: UInt32 = 64
}

/// The further slots of a monitor: the machine, and its virtual CPUs by number.
public enum MonitorSlot {
    /// The machine's RAM and the machine's space. Two further slots receive the mappings of that RAM in the monitor's
    /// own space and in the machine's space.
    public static let machineMemory: UInt32 = 12
    public static let machineSpace: UInt32 = 13
    public static let ownMapping: UInt32 = 14
    public static let machineMapping: UInt32 = 15
    public static let firstVirtualCPU: UInt32 = 16
}

/// The places in a component's address space. Each address is a multiple of 4 KiB.
public enum ComponentLayout {
    public static let image: UInt64 = 0x0020_0000
    /// The end of the first stack. Stacks grow down, and the stack of core N ends at `stackTop - N * stackStride`.
    /// The page below each stack is unmapped, so that an overflow faults.
    public static let stackTop: UInt64 = 0x1000_0000
    public static let stackStride: UInt64 = 0x0010_0000
    /// The address of the component's `ComponentConfiguration`, which the component can only read.
    public static let configuration: UInt64 = 0x1800_0000
    public static let configurationSize: UInt64 = 4096
    /// The address of the component's console: one `ConsoleQueue` page for output, and behind it one for input.
    public static let console: UInt64 = 0x1A00_0000
    /// The start of the part for small memory, which ends at the heap. The host tool chooses addresses in it.
    public static let devices: UInt64 = 0x2000_0000
    /// The guest-physical address of a machine's RAM, at which its monitor sees it, too.
    public static let guestMemory: UInt64 = 0x4000_0000
    /// The address at which a monitor sees the image's modules for its machine, read-only
    /// (`MachineConfiguration.segments`).
    public static let modules: UInt64 = 0x60_0000_0000
    /// The address at which root sees the image. Root may see it up to 2 MiB higher, so that large page-table entries
    /// can map it; `x1` holds the exact address.
    public static let bootImage: UInt64 = 0x60_0000_0000
    /// The start of the part in which root maps memory that it prepares for others.
    public static let workspace: UInt64 = 0x10_0000_0000
    /// The start of the part for large memory. The host tool chooses addresses in it.
    public static let assigned: UInt64 = 0x70_0000_0000
    public static let end: UInt64 = 0x80_0000_0000
}
