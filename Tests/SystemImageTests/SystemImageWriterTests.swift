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
        #expect(image.word(at: board + MemoryLayout<BoardRecord>.offset(of: \.serialInterrupt)!) == 33)
        #expect(image.word(at: board + MemoryLayout<BoardRecord>.offset(of: \.clock)!) == 0x0901_0000)
        #expect(image.word(at: board + MemoryLayout<BoardRecord>.offset(of: \.clock)! + 8) == 0x1000)
        let root = MemoryLayout<ImageHeader>.offset(of: \.root)!
        #expect(image.word(at: root + MemoryLayout<ProgramRecord>.offset(of: \.entry)!) == 0x20_0000)
        #expect(image.word(at: root + MemoryLayout<ProgramRecord>.offset(of: \.stackSize)!) == Program.defaultStackSize)
        #expect(image.word(at: MemoryLayout<ImageHeader>.offset(of: \.tenantCount)!) == 4)
        #expect(
            image.word(at: MemoryLayout<ImageHeader>.offset(of: \.tenantOffset)!)
                == UInt64(MemoryLayout<ImageHeader>.size))
    }

    @Test func tenantsLieAsTheCompilerLaysThemOut() throws {
        let image = try writer().write()[imageStart...]
        func record(_ index: Int) -> Int { MemoryLayout<ImageHeader>.size + index * MemoryLayout<TenantRecord>.stride }
        let kinds = (0..<4).map { image.word(at: record($0) + MemoryLayout<TenantRecord>.offset(of: \.kind)!) }
        #expect(kinds == [2, 1, 3, 3])
        let name = image.startIndex + record(1) + MemoryLayout<TenantRecord>.offset(of: \.name)!
        #expect(image[name..<name + 32] == Data("beat".utf8) + Data(count: 28))
        #expect(image.word(at: record(1) + MemoryLayout<TenantRecord>.offset(of: \.priority)!) == 16)
        #expect(image.word(at: record(1) + MemoryLayout<TenantRecord>.offset(of: \.core)!) == 1)
        #expect(image.word(at: record(1) + MemoryLayout<TenantRecord>.offset(of: \.heapSize)!) == 0x1_0000)
        let arguments = record(1) + MemoryLayout<TenantRecord>.offset(of: \.arguments)!
        #expect((0..<8).map { image.word(at: arguments + $0 * 8) } == [7, 8, 0, 0, 0, 0, 0, 0])
        let allowance = record(1) + MemoryLayout<TenantRecord>.offset(of: \.allowance)!
        #expect((0..<2).map { image.word(at: allowance + $0 * 8) } == [9, 10])
        let machine = record(2) + MemoryLayout<TenantRecord>.offset(of: \.machine)!
        #expect(image.word(at: machine + MemoryLayout<MachineRecord>.offset(of: \.memory)! + 8) == 16 << 20)
        #expect(image.word(at: machine + MemoryLayout<MachineRecord>.offset(of: \.virtualCPUs)!) == 2)
        #expect(image.word(at: machine + MemoryLayout<MachineRecord>.offset(of: \.entry)!) == 0x4000_0000)
        #expect(image.word(at: machine + MemoryLayout<MachineRecord>.offset(of: \.argument)!) == 0x4020_0000)
        #expect(image.word(at: machine + MemoryLayout<MachineRecord>.offset(of: \.restarts)!) == 1)
    }

    @Test func anEventPeerIsTheOtherTenantsNumber() throws {
        var writer = try writer()
        writer.tenants[2].machine?.eventPeer = "other"
        let image = try writer.write()[imageStart...]
        let peers = (2..<4).map { index in
            image.word(
                at: MemoryLayout<ImageHeader>.size + index * MemoryLayout<TenantRecord>.stride
                    + MemoryLayout<TenantRecord>.offset(of: \.machine)!
                    + MemoryLayout<MachineRecord>.offset(of: \.eventPeer)!)
        }
        #expect(peers == [4, 0])
        for peer in ["debian", "beat", "nobody"] {
            writer.tenants[2].machine?.eventPeer = peer
            #expect(throws: Failure.self) { try writer.write() }
        }
    }

    @Test func sharedRegionsAreNamesSizesAndNumbers() throws {
        var writer = try writer()
        writer.sharedMemory = [
            SharedMemoryDescription(name: "a", size: 4096, ends: ["debian", "beat"]),
            SharedMemoryDescription(name: "bc", size: 1 << 20, ends: ["beat", "other"]),
        ]
        let image = try writer.write()[imageStart...]
        let regions = MemoryLayout<ImageHeader>.offset(of: \.regions)!
        let words = { (index: Int) in
            [0, 32, 40, 48].map { image.word(at: regions + index * MemoryLayout<SharedRegionRecord>.stride + $0) }
        }
        #expect(words(0) == [0x61, 4096, 3, 2] && words(1) == [0x6362, 1 << 20, 2, 4] && words(2) == [0, 0, 0, 0])
        for ends in [["debian", "debian"], ["debian", "nobody"], ["debian"], ["debian", "serial"]] {
            writer.sharedMemory = [SharedMemoryDescription(name: "a", size: 4096, ends: ends)]
            #expect(throws: Failure.self) { try writer.write() }
        }
        for size in [0, 4097, 32 << 20] as [UInt64] {
            writer.sharedMemory = [SharedMemoryDescription(name: "a", size: size, ends: ["debian", "beat"])]
            #expect(throws: Failure.self) { try writer.write() }
        }
    }

    @Test func connectionsAreNamesAndNumbers() throws {
        var writer = try writer()
        var second = writer.tenants[1]
        second.name = "second"
        second.connections = [ConnectionDescription(name: "clock", server: "beat")]
        writer.tenants.append(second)
        let index = writer.tenants.count - 1
        let image = try writer.write()[imageStart...]
        let record = MemoryLayout<ImageHeader>.size + index * MemoryLayout<TenantRecord>.stride
            + MemoryLayout<TenantRecord>.offset(of: \.connections)!
        #expect(image.word(at: record) == 0x6B_636F_6C63)
        #expect(image.word(at: record + MemoryLayout<ConnectionRecord>.offset(of: \.server)!) == 2)
        #expect(image.word(at: record + MemoryLayout<ConnectionRecord>.stride) == 0)
        for server in ["second", "debian", "nobody"] {
            writer.tenants[index].connections = [ConnectionDescription(name: "clock", server: server)]
            #expect(throws: Failure.self) { try writer.write() }
        }
    }

    @Test func modulesLieWhereTheRecordsSay() throws {
        let image = try writer().write()[imageStart...]
        let tenant = MemoryLayout<ImageHeader>.size + 2 * MemoryLayout<TenantRecord>.stride
        let segments =
            tenant + MemoryLayout<TenantRecord>.offset(of: \.machine)!
            + MemoryLayout<MachineRecord>.offset(of: \.segments)!
        let (expected, stride) = (try machine().modules, MemoryLayout<GuestSegment>.stride)
        for (index, module) in expected.enumerated() {
            let offset = Int(image.word(at: segments + index * stride))
            #expect(offset.isMultiple(of: 4096) && offset > 0)
            #expect(image.word(at: segments + index * stride + 8) == UInt64(module.data.count))
            #expect(image.word(at: segments + index * stride + 16) == module.address)
            let start = image.startIndex + offset
            #expect(image[start..<start + module.data.count] == module.data)
        }
        #expect(image.word(at: segments + expected.count * stride + 8) == 0, "the next record is unused")
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

    @Test func encodedRecordsHaveTheSizeOfTheirTypes() throws {
        let writer = try writer()
        let placed = PlacedProgram(program: writer.root, offsets: [4096, 8192, 12288])
        var (header, tenant, board, program) = (RecordEncoder(), RecordEncoder(), RecordEncoder(), RecordEncoder())
        header.header(size: 0, board: writer.board, root: placed, tenantCount: 0, tenantOffset: 0, groupCount: 0, groupOffset: 0,
            onFailure: .goOn)
        tenant.tenant(writer.tenants[2], program: placed, modules: [])
        board.board(writer.board)
        program.program(placed)
        #expect(header.data.count == MemoryLayout<ImageHeader>.size)
        #expect(tenant.data.count == MemoryLayout<TenantRecord>.size)
        #expect(board.data.count == MemoryLayout<BoardRecord>.size)
        #expect(program.data.count == MemoryLayout<ProgramRecord>.size)
        #expect(MemoryLayout<TenantRecord>.size == MemoryLayout<TenantRecord>.stride)
        var group = RecordEncoder()
        group.group(GroupDescription(name: "all", members: []), parent: nil)
        #expect(group.data.count == MemoryLayout<GroupRecord>.size)
        #expect(MemoryLayout<GroupRecord>.size == MemoryLayout<GroupRecord>.stride)
    }

    @Test func groupsLieBehindTheTenantsAndAreNamedByTheirMembers() throws {
        var writer = try writer()
        writer.groups = [
            GroupDescription(name: "inner", members: ["beat", "debian"]),
            GroupDescription(name: "outer", members: ["inner"]),
        ]
        writer.groups[1].restart.onLimit = .stop
        writer.tenants[1].restart.limit = 7
        writer.onFailure = .powerOff
        let image = try writer.write()[imageStart...]
        let groups = MemoryLayout<ImageHeader>.size + 4 * MemoryLayout<TenantRecord>.stride
        #expect(image.word(at: MemoryLayout<ImageHeader>.offset(of: \.groupCount)!) == 2)
        #expect(image.word(at: MemoryLayout<ImageHeader>.offset(of: \.groupOffset)!) == UInt64(groups))
        #expect(image.word(at: MemoryLayout<ImageHeader>.offset(of: \.onFailure)!) == OnFailure.powerOff.rawValue)
        func supervision(_ record: Int, _ field: PartialKeyPath<SupervisionRecord>) -> UInt64 {
            image.word(at: record + MemoryLayout<SupervisionRecord>.offset(of: field)!)
        }
        let tenants = (0..<4).map {
            MemoryLayout<ImageHeader>.size + $0 * MemoryLayout<TenantRecord>.stride
                + MemoryLayout<TenantRecord>.offset(of: \.supervision)!
        }
        #expect(tenants.map { supervision($0, \.parent) } == [0, 1, 1, 0])
        #expect(tenants.map { supervision($0, \.limit) } == [5, 7, 5, 5])
        #expect(supervision(tenants[1], \.window) == 10_000 && supervision(tenants[1], \.backoff) == 100)
        #expect(supervision(tenants[1], \.backoffLimit) == 5000)
        let records = (0..<2).map {
            groups + $0 * MemoryLayout<GroupRecord>.stride + MemoryLayout<GroupRecord>.offset(of: \.supervision)!
        }
        #expect(records.map { supervision($0, \.parent) } == [2, 0])
        #expect(records.map { supervision($0, \.onLimit) } == [0, 1])
        #expect(image[image.startIndex + groups..<image.startIndex + groups + 6] == Data("inner\0".utf8))
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

    @Test func refusesContradictions() throws {
        func problem(_ change: (inout SystemImageWriter) -> Void) throws -> String {
            var writer = try writer()
            change(&writer)
            return #expect(throws: Failure.self) { try writer.write() }?.problem ?? ""
        }
        #expect(try problem { $0.tenants.removeFirst() }.contains("console driver"))
        #expect(try problem { $0.tenants[1].kind = .consoleDriver }.contains("console driver"))
        #expect(try problem { $0.tenants[1].name = "debian" }.contains("two tenants"))
        #expect(try problem { $0.tenants[1].name = "" }.contains("0 bytes"))
        #expect(try problem { $0.tenants[1].priority = 32 }.contains("priority"))
        #expect(try problem { $0.tenants[1].core = 2 }.contains("core 2"))
        #expect(try problem { $0.tenants[1].heapSize = 5 }.contains("4KiB"))
        #expect(try problem { $0.tenants[1].arguments = Array(repeating: 0, count: 9) }.contains("9 arguments"))
        #expect(try problem { $0.tenants[1].kind = .machine }.contains("hardware"))
        #expect(try problem { $0.tenants[2].machine?.virtualCPUs = 0 }.contains("0 virtual CPUs"))
        #expect(try problem { $0.tenants[2].machine?.memory.size = 0x1000 }.contains("2MiB"))
        #expect(try problem { $0.tenants[2].machine?.memory.size = 2 << 20 }.contains("outside its RAM"))
        #expect(try problem { $0.tenants[2].machine?.modules[0].address = .max & ~7 }.contains("outside its RAM"))
        #expect(try problem { $0.board = .forTests(cores: 2, ram: 32 << 20) }.contains("but the board has 32MiB"))
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
