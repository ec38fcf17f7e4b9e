import ABI
import Foundation

// Checks that the board's memory suffices for everything that lies in it.
extension SystemImageWriter {
    /// Checks that the board's memory suffices for the system.
    ///
    /// - Throws: `Failure` if the kernel or root would not find memory for a part of the system.
    func checkMemory(_ plan: Plan, imageSize: UInt64, rootSlots: UInt64) throws(Failure) {
        func fits(_ additional: UInt64) -> Bool {
            layout(of: plan, imageSize: imageSize, rootSlots: rootSlots, additional: additional) != nil
        }
        if fits(0) { return }
        let available = board.ram.reduce(0) { $0 + $1.size }
        let needed = available + leastAddition(fits)
        let (tenants, image) = (tenantMemory, imageSize)
        let rest = needed - min(needed, tenants + image)
        throw Failure(
            "machines and components (\(rounded(tenants))), the image with their files (\(rounded(image)))"
                + " and the system itself (\(rounded(rest))) need \(rounded(needed)), but the board has "
                + "\(rounded(available))",
            remedy: "give the board \(rounded(needed)) of 'memory', or the machines and components less",
            at: memoryPlace)
    }

    /// Returns the board's memory with the whole system in it, or nil if the system does not fit.
    func layout(
        of plan: Plan, imageSize: UInt64, rootSlots: UInt64, additional: UInt64 = 0
    ) -> BootMemory? {
        var ram = board.ram
        ram[ram.count - 1].size += additional
        let kernelSize = UInt64(kernel.flat.count).aligned(to: ImageHeader.alignment) + imageSize
        var memory = BootMemory(ram: ram, kernelSize: kernelSize, root: root, rootSlots: rootSlots)
        return memory?.take(plan) == true ? memory : nil
    }

    /// Returns the least number of bytes by which the board's last range of RAM must grow. The number is a multiple of
    /// the granule of a board's memory.
    private func leastAddition(_ fits: (UInt64) -> Bool) -> UInt64 {
        let step = BoardDescription.memoryGranule
        var (tooLittle, enough): (UInt64, UInt64) = (0, 1)
        while !fits(enough * step), enough < 1 << 20 { (tooLittle, enough) = (enough, enough * 2) }
        while enough - tooLittle > 1 {
            let middle = (tooLittle + enough) / 2
            if fits(middle * step) { enough = middle } else { tooLittle = middle }
        }
        return enough * step
    }

    /// The number of bytes that the manifest gives to machines and components, with those of their programs.
    private var tenantMemory: UInt64 {
        tenants.reduce(sharedMemory.reduce(disks.sharedMemory) { $0 + $1.size }) { sum, tenant in
            sum + tenant.heapSize + sharedMemory(of: tenant) + tenant.program.memorySize
                + tenant.dma.reduce(0) { $0 + $1.size } + Program.beyondDefaultStack(tenant.program.stackSize)
                + (tenant.machine?.memory.size ?? 0)
        }
    }

    /// Returns the size of the memory that a tenant shares with its servers. For each server this includes a page for
    /// the lives of both.
    private func sharedMemory(of tenant: Tenant) -> UInt64 {
        guard tenant.sharedSize > 0 else { return 0 }
        return UInt64(Set(tenant.connections.map(\.server)).count) * (tenant.sharedSize + ComponentLayout.livesSize)
    }

    private func rounded(_ bytes: UInt64) -> String { "\(bytes.aligned(to: 1 << 20) >> 20)MiB" }
}
