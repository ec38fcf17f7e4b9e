/// Slots that are filled when a tenant starts. Slot 0 is never used.
public enum InitialSlot {
    public static let table: UInt32 = 1
    public static let space: UInt32 = 2
    public static let thread: UInt32 = 3
    /// The tenant's own notification; its thread waits on it. Absent for root.
    public static let notification: UInt32 = 4
    /// Signals the console driver: output is waiting.
    public static let consoleOutput: UInt32 = 5

    // Root only.
    public static let system: UInt32 = 8
    /// The device registers of the board, as one extent (read, write).
    public static let devices: UInt32 = 9
    /// The image behind the kernel (read, execute).
    public static let image: UInt32 = 10
    /// The scheduling context of root's own thread.
    public static let time: UInt32 = 11
    /// Free RAM, up to `regionCount` regions: the first is the largest and begins at a multiple of 2 MiB.
    public static let firstRegion: UInt32 = 16
    public static let regionCount: UInt32 = 8
    /// Pages for the page tables of root's space.
    public static let rootPageTables: UInt64 = 48
    /// What root may use as it likes.
    public static let firstFree: UInt32 = 64

    // A monitor: thread, own notification and portals per core; virtual CPUs by number.
    /// Of a monitor: the machine's RAM and its space, and where the mappings of that RAM go in the monitor's own space
    /// and in the machine's.
    public static let machineMemory: UInt32 = 12
    public static let machineSpace: UInt32 = 13
    public static let ownMapping: UInt32 = 14
    public static let machineMapping: UInt32 = 15
    public static let firstVirtualCPU: UInt32 = 16

    /// A component: slots in which capabilities land that come with messages.
    public static let firstReceived: UInt32 = 32
    public static let receivedCount: UInt32 = 32
    /// From here on the host tool assigns the slots of a tenant's table; their `Resource`s name them.
    public static let firstAssigned: UInt32 = 64
}

/// Where things lie in a component's address space. Everything is a multiple of 4 KiB.
public enum ComponentLayout {
    public static let image: UInt64 = 0x0020_0000
    /// Stacks grow down from here; that of core N ends at `stackTop - N * stackStride`. The page below each is
    /// unmapped.
    public static let stackTop: UInt64 = 0x1000_0000
    public static let stackStride: UInt64 = 0x0010_0000
    /// The component's `ComponentConfiguration`, read-only.
    public static let configuration: UInt64 = 0x1800_0000
    public static let configurationSize: UInt64 = 4096
    /// The component's console: one `ConsoleRing` page for output, one for input.
    public static let console: UInt64 = 0x1A00_0000
    /// Up to the heap: small memory, for which the host tool chooses addresses.
    public static let devices: UInt64 = 0x2000_0000
    /// A monitor sees its machine's RAM at its guest-physical address.
    public static let guestMemory: UInt64 = 0x4000_0000
    /// A monitor sees the image's modules of its machine from here on, read-only (`MachineConfiguration.segments`).
    public static let modules: UInt64 = 0x60_0000_0000
    /// Root sees the image here, or up to 2 MiB above, so that large page table entries serve: `x1` says where.
    public static let bootImage: UInt64 = 0x60_0000_0000
    /// Root maps memory that it prepares for others from here on.
    public static let workspace: UInt64 = 0x10_0000_0000
    /// Large memory, for which the host tool chooses addresses.
    public static let assigned: UInt64 = 0x70_0000_0000
    public static let end: UInt64 = 0x80_0000_0000
}
