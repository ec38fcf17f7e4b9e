import ABI
import Foundation
import Testing

@testable import SystemImage

@Suite struct SystemImageWriterTests {
    private func kernel() throws -> KernelImage {
        let builder = ELFBuilder(
            entry: 0,
            segments: [
                .init(flags: 5, address: 0, data: arm64Image(fileSize: 0x1800)),
                .init(flags: 6, address: 0x2000, data: Data(repeating: 0xDD, count: 0x100), memorySize: 0x1_0000),
            ], symbols: [("_head", 0, 0), ("panic", 0x400, 0x40)])
        return try KernelImage(elf: builder.build())
    }

    private func program() throws -> Program { try Program(elf: ELFBuilder.component.build()) }

    private func machine(_ size: UInt64 = 16 << 20) throws -> MachineImage {
        let image = try GuestImage(
            kernel: arm64Image(fileSize: 5000), ramBase: MachineImage.ramBase, ramSize: size
        ) { $0 }
        let layout = try GuestLayout(image: image, initrdSize: 300, ramBase: MachineImage.ramBase, ramSize: size)
        var description = MachineDescription(name: "debian")
        description.memory = size
        description.cpus = 2
        return try MachineImage(
            description, layout: layout, initrd: Data(repeating: 1, count: 300),
            deviceTree: Data(repeating: 2, count: 200))
    }

    private func writer() throws -> SystemImageWriter {
        let program = try program()
        return SystemImageWriter(
            kernel: try kernel(), board: .forTests(cores: 2), root: program,
            tenants: [
                Tenant(kind: .consoleDriver, name: "serial", program: program, priority: 30),
                Tenant(
                    kind: .component, name: "beat", program: program, priority: 16, core: 1, heapSize: 0x1_0000,
                    arguments: [7, 8], allowance: TimeAllowance(budget: 9, period: 10)),
                Tenant(kind: .machine, name: "debian", program: program, priority: 8, machine: try machine()),
                Tenant(kind: .machine, name: "other", program: program, priority: 8, machine: try machine()),
            ])
    }

    /// The kernel takes 0x12000 bytes, zeroed data included.
    private let imageStart = 0x2_0000

    @Test func kernelComesFirstAndTellsTheLoaderTheSize() throws {
        let file = try writer().write()
        #expect(file.count.isMultiple(of: 0x1_0000))
        #expect(file.word(at: 16) == UInt64(file.count), "image_size")
        #expect(file.word(at: 24) == 0b1010, "flags")
        #expect(file[0x2000] == 0xDD && file[0x2100] == 0, "zeroed data is in the file")
        #expect(file.word(at: imageStart) == ImageHeader.magic)
        #expect(file.word(at: imageStart + 16) == UInt64(file.count - imageStart))
    }

    @Test func headerLiesAsTheCompilerLaysItOut() throws {
        let image = try writer().write()[imageStart...]
        #expect(image.word(at: MemoryLayout<ImageHeader>.offset(of: \.version)!) == ImageHeader.version)
        let board = MemoryLayout<ImageHeader>.offset(of: \.board)!
        #expect(image.word(at: board + MemoryLayout<BoardRecord>.offset(of: \.coreCount)!) == 2)
        #expect(image.word(at: board + MemoryLayout<BoardRecord>.offset(of: \.cores)! + 8) == 1)
        #expect(image.word(at: board + MemoryLayout<BoardRecord>.offset(of: \.ram)!) == 0x4000_0000)
        #expect(image.word(at: board + MemoryLayout<BoardRecord>.offset(of: \.devices)!) == 0x0900_0000)
        #expect(image.word(at: board + MemoryLayout<BoardRecord>.offset(of: \.distributor)!) == 0x0800_0000)
        #expect(image.word(at: board + MemoryLayout<BoardRecord>.offset(of: \.redistributors)!) == 0x080A_0000)
        #expect(image.word(at: board + MemoryLayout<BoardRecord>.offset(of: \.serial)! + 8) == 0x1000)
        let root = MemoryLayout<ImageHeader>.offset(of: \.root)!
        #expect(image.word(at: root + MemoryLayout<ProgramRecord>.offset(of: \.entry)!) == 0x20_0000)
        #expect(image.word(at: root + MemoryLayout<ProgramRecord>.offset(of: \.stackSize)!) == Program.defaultStackSize)
    }

    @Test func readOnlySegmentsFillTheirPagesInTheImage() throws {
        let image = try writer().write()[imageStart...]
        let root = MemoryLayout<ImageHeader>.offset(of: \.root)!
        let stride = MemoryLayout<ProgramSegment>.stride
        let sizes = (0..<4).map {
            image.word(at: root + $0 * stride + MemoryLayout<ProgramSegment>.offset(of: \.fileSize)!)
        }
        #expect(sizes == [0x2000, 0x1000, 16, 0])
        let offset = Int(image.word(at: root + MemoryLayout<ProgramSegment>.offset(of: \.offset)!))
        #expect(image[image.startIndex + offset + 4999] == 0xAA && image[image.startIndex + offset + 5000] == 0)
    }

    @Test func sameBytesAreLaidDownOnce() throws {
        var contents = ImageContents(from: 100)
        let first = contents.place(Data(repeating: 1, count: 5000))
        let second = contents.place(Data(repeating: 2, count: 10))
        #expect([first, second] == [4096, 12288])
        #expect(contents.place(Data(repeating: 1, count: 5000)) == first)
        #expect(contents.end == 16384)
    }

    @Test func theSameSystemGivesTheSameBytes() throws {
        #expect(try writer().write() == writer().write())
    }

    @Test func refusesWhatTheBoardCannotHold() throws {
        var writer = try writer()
        writer.board = .forTests(cores: 2, ram: 32 << 20)
        let failure = #expect(throws: Failure.self) { try writer.write() }
        #expect(failure?.problem.contains("but the board has 32MiB") == true)
    }
}

@Suite struct KernelImageTests {
    @Test func refusesWhatIsNoKernel() {
        func problem(_ segments: [ELFBuilder.Segment]) -> String {
            let elf = ELFBuilder(segments: segments).build()
            return #expect(throws: Failure.self) { try KernelImage(elf: elf) }?.problem ?? ""
        }
        #expect(problem([.init(flags: 5, address: 0, data: Data(count: 100))]).contains("arm64 Image header"))
        #expect(problem([.init(flags: 5, address: 1 << 40, data: arm64Image())]).contains("beyond 16MiB"))
        #expect(
            problem([
                .init(flags: 5, address: 0, data: arm64Image()), .init(flags: 5, address: 64, data: arm64Image()),
            ]).contains("overlaps"))
    }
}
