import ABI
import AArch64Support
import KernelCore

/// Builds the kernel's own stage 1. Physical memory is mapped one to one in blocks of 1 GiB, RAM never executable.
/// The 2 MiB that hold the kernel are mapped in pages: text is readable and executable, constants are readable, data
/// is readable and writable, and a hole lies below each core's stack.
///
/// Runs with the MMU off.
@c(kernel_build_tables)
func kernelBuildTables() {
    BootImage.check()
    mapBoard()
    mapKernel()
}

private enum Descriptor {
    static let table: UInt64 = 3
    static let page: UInt64 = 3
    static let block: UInt64 = 1
    static let accessed: UInt64 = 1 << 10
    static let normal: UInt64 = 1 << 2 | 3 << 8
    static let device: UInt64 = 0 << 2
    static let readOnly: UInt64 = 1 << 7
    static let executeNever: UInt64 = 1 << 54
    static let gigabyte: UInt64 = 1 << 30
}

private func mapBoard() {
    let board = BootImage.header
    mapBlocks(board.pointee.board.devices, Descriptor.device)
    mapBlocks(board.pointee.board.distributor, Descriptor.device)
    mapBlocks(board.pointee.board.redistributors, Descriptor.device)
    mapBlocks(board.pointee.board.serial, Descriptor.device)
    for index in 0..<4 { mapBlocks(board.pointee.board.ram[index], Descriptor.normal) }
}

private func mapBlocks(_ range: MemoryRange, _ kind: UInt64) {
    if range.size == 0 { return }
    var address = range.base & ~(Descriptor.gigabyte &- 1)
    while address < range.base &+ range.size {
        memory_write64(
            address_of_kernel_table_1() &+ (address >> 30 & 511) &* 8,
            address | Descriptor.block | Descriptor.accessed | Descriptor.executeNever | kind)
        address &+= Descriptor.gigabyte
    }
}

private func mapKernel() {
    let start = address_of_kernel_start()
    let gigabyte = start & ~(Descriptor.gigabyte &- 1)
    let large: UInt64 = 1 << 21
    for index in 0..<UInt64(512) {
        memory_write64(
            address_of_kernel_table_2() &+ index &* 8,
            gigabyte &+ index &* large | Descriptor.block | Descriptor.accessed | Descriptor.executeNever
                | Descriptor.normal)
        let page = start &+ index &* Page.size
        memory_write64(address_of_kernel_table_3() &+ index &* 8, pageDescriptor(page))
    }
    let table2 = address_of_kernel_table_2() &+ (start >> 21 & 511) &* 8
    memory_write64(table2, address_of_kernel_table_3() | Descriptor.table)
    memory_write64(
        address_of_kernel_table_1() &+ (start >> 30 & 511) &* 8, address_of_kernel_table_2() | Descriptor.table)
}

private func pageDescriptor(_ page: UInt64) -> UInt64 {
    let common = page | Descriptor.page | Descriptor.accessed | Descriptor.normal
    if page < address_of_kernel_text_end() { return common | Descriptor.readOnly }
    if page < address_of_kernel_rodata_end() { return common | Descriptor.readOnly | Descriptor.executeNever }
    let areas = address_of_kernel_core_areas()
    if page >= areas, page < areas &+ 0x4000 &* UInt64(CoreID.maximum), (page &- areas) & 0x3FFF == 0 { return 0 }
    return common | Descriptor.executeNever
}
