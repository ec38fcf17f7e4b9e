import ABI
import Entente

/// Where the board's RAM went, in bytes.
struct MemoryAccount {
    /// What nobody uses.
    var free: UInt64 = 0
    /// RAM of programs: their data, stacks, consoles, configuration and memory of their own; and the machines' RAM.
    private var extents: UInt64 = 0
    /// Address spaces with the memory for their tables.
    private var tables: UInt64 = 0
    /// All other objects.
    private var objects: UInt64 = 0
    /// What fell between two objects because the second had to be aligned, and what is left over in the tenants' estates.
    private var lost: UInt64 = 0

    /// - Parameter taken: bytes by which the region shrank.
    mutating func add(_ kind: ObjectKind, _ parameter: UInt64, taken: UInt64) {
        switch kind {
        case .extent:
            extents += parameter
            lost += taken - parameter
        case .addressSpace: tables += taken
        // An estate's region: what is made of it is counted by itself.
        case .region: lost += taken
        default: objects += taken
        }
    }

    /// An object that was made of an estate's region.
    mutating func addOfEstate(_ kind: ObjectKind, _ parameter: UInt64, taken: UInt64) {
        add(kind, parameter, taken: taken)
        lost -= taken
    }

    /// One line of `NAME KIBIBYTES` pairs. `kernel` is the remainder: the kernel with its data, root's own objects, which the
    /// kernel made, and RAM that the kernel could not hand out.
    func write(to console: Console) {
        let header = BootTable.header
        var total: UInt64 = 0
        for index in 0..<4 { total += header.board.ram[index].size }
        let files = BootTable.fileSize
        let kernel = total - free - extents - tables - objects - lost - header.size
        console.beginLine()
        console.write("memory in KiB:")
        let parts: InlineArray<9, (StaticString, UInt64)> = [
            ("total", total), ("free", free), ("machines", BootTable.machineMemory), ("files", files),
            ("programs", header.size - files), ("components", extents - BootTable.machineMemory), ("tables", tables),
            ("objects", objects), ("lost", lost),
        ]
        for index in 0..<9 { write(parts[index].0, parts[index].1, to: console) }
        write("kernel", kernel, to: console)
        console.write("\n")
    }

    private func write(_ name: StaticString, _ bytes: UInt64, to console: Console) {
        console.write(" ")
        console.write(name)
        console.write(" ")
        console.write(decimal: (bytes + 1023) / 1024)
    }
}

extension BootTable {
    /// RAM of all machines, in bytes.
    static var machineMemory: UInt64 {
        var sum: UInt64 = 0
        for index in 0..<tenantCount { sum += tenant(index).machine.memory.size }
        return sum
    }

    /// Bytes of the image that are copied into machines: kernels, initial file systems, device trees. Machines may share
    /// them.
    static var fileSize: UInt64 {
        var sum: UInt64 = 0
        for index in 0..<tenantCount {
            let machine = tenant(index).machine
            for part in 0..<8 where !isEarlier(machine.segments[part], than: index) {
                sum += (machine.segments[part].size + 4095) & ~4095
            }
        }
        return sum
    }

    /// Whether a tenant before this one has the same bytes.
    private static func isEarlier(_ segment: GuestSegment, than index: Int) -> Bool {
        for earlier in 0..<index {
            let machine = tenant(earlier).machine
            for part in 0..<8
            where machine.segments[part].size != 0 && machine.segments[part].offset == segment.offset { return true }
        }
        return false
    }
}
