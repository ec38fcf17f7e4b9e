import ABI
import Foundation
import Testing

@testable import SystemImage

/// Machines that start from firmware: the manifest, the file and the plan.
@Suite struct FirmwareTests {
    @Test func theManifestNamesFirmware() throws {
        let path = Repository.manifests.appendingPathComponent("valid/firmware.yaml").path
        let machines = try Manifest.load(path: path).machines
        let file = Repository.manifests.appendingPathComponent("files/readme.txt")
        let sources: [FirmwareSource] = [.uBoot, .edk2, .file(file)]
        #expect(machines.map(\.guest) == sources.map(GuestSource.firmware))
    }

    /// U-Boot starts the kernel of the disk that the tool makes.
    @Test func firmwareStartsADebianOnADisk() throws {
        let path = Repository.manifests.appendingPathComponent("../Systems/debian-firmware.yaml").path
        let manifest = try Manifest.load(path: path)
        let machine = try #require(manifest.machines.first)
        let debian = DebianSystem(packages: ["sqlite3"])
        #expect(machine.guest == .debianDisk(debian, firmware: .uBoot) && machine.guest.isFirmware)
        #expect(!GuestSource.debianDisk(debian).isFirmware && GuestSource.firmware(.edk2).isFirmware)
        #expect(machine.disks.map(\.name) == ["root"] && manifest.disks.templates.map(\.debian) == [debian])
    }

    /// The tool adds the memory for the firmware's variables to that of the machines.
    @Test func variablesTakeMemoryOfTheBoard() throws {
        func fits(_ memory: String) -> Bool {
            let text = "board: {memory: 64MiB}\nmachines: {one: {firmware: edk2, memory: \(memory)}}\n"
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
            defer { try? FileManager.default.removeItem(at: folder) }
            do {
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                let file = folder.appendingPathComponent("system.yaml")
                try Data(text.utf8).write(to: file)
                return (try? Manifest.load(path: file.path)) != nil
            } catch {
                return false
            }
        }
        #expect(fits("58MiB") && !fits("62MiB"))
    }

    // MARK: The file

    @Test func firmwareIsPlainCodeThatFits() throws {
        try FirmwareImage.check(Data([1]))
        #expect(throws: Failure.self) { try FirmwareImage.check(Data()) }
        #expect(throws: Failure.self) { try FirmwareImage.check(Data([0x7F] + "ELF".utf8)) }
        let bank = Int(MachineFlash.bankSize)
        try FirmwareImage.check(Data(count: bank))
        #expect(throws: Failure.self) { try FirmwareImage.check(Data(count: bank + 1)) }
    }

    /// Some distributions fill the file up to the size of the bank, which would take 64 MiB of the board's memory.
    @Test(arguments: [0x00, 0xFF] as [UInt8]) func fillingIsCutOff(byte: UInt8) {
        func trimmed(_ size: Int, _ filling: Int) -> Data {
            FirmwareImage.trimmed(Data(repeating: 1, count: size) + Data(repeating: byte, count: filling))
        }
        #expect(trimmed(4097, 3 * 4096) == Data(repeating: 1, count: 4097) + Data(repeating: byte, count: 4095))
        #expect(trimmed(4096, 100).count == 4096 && trimmed(100, 100).count == 200)
        #expect(trimmed(0, 9000).count == 4096)
        // A part of a file keeps its own indices.
        let part = (Data(repeating: 1, count: 8192) + Data(repeating: byte, count: 8192))[4096...]
        #expect(FirmwareImage.trimmed(part) == Data(repeating: 1, count: 4096))
    }

    @Test func theDeviceTreeLiesAtTheStartOfRAM() throws {
        var machine = MachineDescription(name: "one")
        machine.memory = 64 << 20
        let image = try MachineImage(machine, firmware: Data([1, 2]), deviceTree: Data([3]))
        #expect(image.entry == MachineFlash.code && image.argument == 0 && image.firmware == Data([1, 2]))
        #expect(image.modules.map(\.address) == [0x4000_0000] && image.modules.map(\.data) == [Data([3])])
        #expect(throws: Failure.self) {
            try MachineImage(machine, firmware: Data([1]), deviceTree: Data(count: 1 << 20 + 1))
        }
        #expect(throws: Failure.self) { try MachineImage(machine, firmware: Data(), deviceTree: Data([3])) }
    }

    // MARK: The plan

    private func plan() throws -> Plan {
        let path = Repository.manifests.appendingPathComponent("valid/firmware.yaml").path
        return try Manifest.load(path: path).planWithPlaceholders()
    }

    @Test func onlyTheMachineExecutesTheFirmware() throws {
        let plan = try plan()
        let tenant = try #require(plan.tenants.firstIndex { $0.name == "uefi" })
        let parts = plan.tenants[tenant].parts
        let mappings = plan.edges.compactMap { edge -> (NodeAddress, Rights)? in
            guard case .map(let extent, let space, let address, _, _, let rights, _) = edge.action,
                plan.nodes[extent].name == "root/image", edge.owner == .tenant(tenant)
            else { return nil }
            return (NodeAddress(node: space, address: address), rights)
        }
        let machine = mappings.filter { $0.0.node == parts.machineSpace }
        #expect(machine.map(\.0.address) == [MachineFlash.code] && machine.map(\.1) == [[.read, .execute]])
        let firmware = try #require(plan.tenants[tenant].resources.first { $0.name == "firmware" })
        let own = mappings.filter { $0.0 == NodeAddress(node: parts.space, address: firmware.address) }
        #expect(own.map(\.1) == [.read])
    }

    @Test func theVariablesOutliveTheMonitor() throws {
        let plan = try plan()
        let tenant = try #require(plan.tenants.firstIndex { $0.name == "uefi" })
        let parts = plan.tenants[tenant].parts
        let extent = try #require(plan.nodes.firstIndex { $0.name == "uefi/flash" })
        let node = plan.nodes[extent]
        #expect(node.lasts && node.isCleared && node.parameter == MachineFlash.storeSize)
        let flash = try #require(plan.tenants[tenant].resources.first { $0.name == "flash" })
        #expect(flash.kind == .lastingMemory && flash.size == MachineFlash.storeSize)
        // One entry of a page table maps it in the machine's space.
        #expect(node.alignment == MachineFlash.storeSize && MachineFlash.variables % MachineFlash.storeSize == 0)
        var found = 0
        for edge in plan.edges {
            switch edge.action {
            case .map(extent, let space, let address, 0, MachineFlash.storeSize, [.read, .write], _):
                #expect(space == parts.space && address == flash.address)
                found += 1
            case .capability(extent, let table, let slot, let rights, _, _):
                #expect(table == parts.table && slot == flash.slot && rights == .read)
                found += 1
            // The monitor's slot behind the extent's is for the mapping.
            case .capability(_, parts.table, let slot, _, _, _): #expect(slot != flash.slot + 1)
            default: break
            }
        }
        #expect(found == 2)
    }
}

private struct NodeAddress: Equatable {
    var node: Plan.NodeID
    var address: UInt64
}
