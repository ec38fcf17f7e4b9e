import ABI
import Entente

/// The uses of the board's RAM, in bytes.
struct MemoryAccount {
    /// The memory that nobody uses.
    var free: UInt64 = 0
    /// The memory that tenants have, and that they share.
    private var extents: UInt64 = 0
    /// The address spaces with the memory for their tables.
    private var tables: UInt64 = 0
    /// All other objects.
    private var objects: UInt64 = 0
    /// The bytes that alignment has lost between two objects, and those that are left in tenants' regions.
    private var lost: UInt64 = 0

    /// - Parameters:
    ///   - taken: the bytes by which the region shrank.
    ///   - isOfEstate: true if the region is a tenant's, which was counted as lost before.
    mutating func add(_ kind: ObjectKind, _ parameter: UInt64, taken: UInt64, isOfEstate: Bool) {
        switch kind {
        case .extent:
            extents += parameter
            lost += taken - parameter
        case .addressSpace: tables += taken
        case .region: lost += taken
        default: objects += taken
        }
        if isOfEstate { lost -= taken }
    }

    /// The account as `NAME KIBIBYTES` pairs. `kernel` is the remainder: the kernel with its data, root's own objects,
    /// which the kernel made, and RAM that the kernel could not hand out.
    var text: LogText {
        let image = BootPlan.image
        var total: UInt64 = 0
        for index in 0..<4 { total += image.board.ram[index].size }
        let kernel = total - free - extents - tables - objects - lost - image.size
        func kib(_ bytes: UInt64) -> UInt64 { (bytes + 1023) / 1024 }
        let given: LogText = "total \(kib(total)) free \(kib(free)) image \(kib(image.size)) extents \(kib(extents))"
        let spent: LogText = "tables \(kib(tables)) objects \(kib(objects)) lost \(kib(lost)) kernel \(kib(kernel))"
        return "memory in KiB: \(given) \(spent)"
    }
}
