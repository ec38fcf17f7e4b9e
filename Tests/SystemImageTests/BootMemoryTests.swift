import ABI
import Foundation
import Testing

@testable import SystemImage

/// Tests that the tool lays out the board's memory as the kernel and root do. `ManyTenantsTests` boots a system that
/// just fits.
@Suite struct BootMemoryTests {
    private let page: UInt64 = 4096
    private let block: UInt64 = 2 << 20

    /// Returns a writer for a component whose memory fills the board, and for others beside it.
    private func writer(_ heap: UInt64, ram: [MemoryRange]? = nil) -> SystemImageWriter {
        func component(_ name: String, _ heap: UInt64) -> Tenant {
            Tenant(kind: .component, name: name, program: .placeholder, priority: 16, heapSize: heap)
        }
        var board = Board.placeholder(BoardDescription())
        board.ram = ram ?? [MemoryRange(base: 0x4000_0000, size: 64 << 20)]
        var writer = SystemImageWriter(
            kernel: .placeholder, board: board, root: .placeholder,
            tenants: [Tenant(.tenant, program: .placeholder), component("one", 64 << 10), component("filler", heap)])
        writer.memoryPlace = Diagnostic.Place(file: "system.yaml", line: 3, column: 5)
        return writer
    }

    private func fits(_ writer: SystemImageWriter) -> Bool { (try? writer.write()) != nil }

    /// Returns the largest memory of the filler that fits, in pages.
    private func edge(_ ram: [MemoryRange]? = nil) -> UInt64 {
        var (fitting, tooMuch) = (UInt64(0), UInt64(1 << 15))
        while tooMuch - fitting > 1 {
            let middle = (fitting + tooMuch) / 2
            if fits(writer(middle * page, ram: ram)) { fitting = middle } else { tooMuch = middle }
        }
        return fitting
    }

    @Test func aPageMoreThanFitsIsRefusedWithPlaceAndRemedy() throws {
        let largest = edge()
        // The kernel, root, three programs and their tables take less than the former flat reserve.
        #expect(largest * page > (64 << 20) - (8 << 20))
        #expect(throws: Never.self) { try writer(largest * page).write() }
        let failure = #expect(throws: Failure.self) { try writer((largest + 1) * page).write() }
        #expect(
            failure?.description.hasPrefix("system.yaml:3:5: error: machines and components (") == true
                && failure?.description.contains("need 66MiB, but the board has 64MiB") == true
                && failure?.remedy == "give the board 66MiB of 'memory', or the machines and components less")
    }

    /// The memory that the message names suffices, and a board with less memory does not.
    @Test(arguments: [70, 100, 333, 1000]) func theMessageNamesTheLeastMemory(mebibytes: UInt64) throws {
        let failure = #expect(throws: Failure.self) { try writer(mebibytes << 20).write() }
        let text = try #require(failure?.problem.firstMatch(of: /need (\d+)MiB/))
        let needed = try #require(UInt64(text.1)) << 20
        func board(_ size: UInt64) -> [MemoryRange] { [MemoryRange(base: 0x4000_0000, size: size)] }
        #expect(fits(writer(mebibytes << 20, ram: board(needed))))
        #expect(!fits(writer(mebibytes << 20, ram: board(needed - block))))
    }

    /// A large extent lies in one range, so two ranges do not replace one of their total size.
    @Test func aPieceMustLieInOneRange() {
        let halves = [
            MemoryRange(base: 0x4000_0000, size: 32 << 20), MemoryRange(base: 0x8000_0000, size: 32 << 20),
        ]
        let (one, two) = (edge(), edge(halves))
        #expect(two < one / 2 && two * page > 28 << 20)
    }

    @Test func anImageBeyondTheFirstRangeIsRefused() {
        var writer = writer(
            0, ram: [MemoryRange(base: 0x4000_0000, size: 4 << 20), MemoryRange(base: 0x8000_0000, size: 1 << 30)])
        #expect(fits(writer))
        writer.tenants[1].paged = (pager: "filler", file: Data(count: 3 << 20))
        #expect(!fits(writer))
    }

    @Test func theManifestKnowsThePlace() throws {
        let folder = FileManager.default.temporaryDirectory
        let file = folder.appendingPathComponent("\(UUID().uuidString).yaml")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data("components: {a: {target: Heartbeat}}\nboard: {memory: 128MiB}\n".utf8).write(to: file)
        let place = try Manifest.load(path: file.path).memoryPlace
        #expect(place?.line == 2 && place?.column == 17)
        let overrides = BoardOverrides(memory: 256 << 20)
        #expect(try Manifest.load(path: file.path, overriding: overrides).memoryPlace == nil)
    }
}
