import ABI
import Foundation
import Testing

@testable import SystemImage

@Suite struct BoardTests {
    /// Returns QEMU's board `virt`, reduced to the relevant nodes, compiled by dtc and read by fdtget.
    private func board(_ source: String) throws -> Board {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let blob = folder.appendingPathComponent("board.dtb")
        _ = try run("dtc", ["-q", "-I", "dts", "-O", "dtb", "-o", blob.path], input: Data(source.utf8))
        return try Board(deviceTree: blob) { String(decoding: try run("fdtget", $0), as: UTF8.self) }
    }

    private func source(
        controller: String = "arm,gic-v3", serial: String = "arm,pl011", serialBase: String = "0x9000000",
        secondCore: String = "cpu@100 { device_type = \"cpu\"; reg = <0x100>; };"
    ) -> String {
        """
        /dts-v1/;
        / {
            #address-cells = <2>; #size-cells = <2>;
            chosen { stdout-path = "/serial@9040000:115200"; };
            memory@40000000 { device_type = "memory"; reg = <0 0x40000000 0 0x20000000 1 0 0 0x10000000>; };
            serial@9000000 { compatible = "\(serial)"; reg = <0 \(serialBase) 0 0x1000>; interrupts = <0 1 4>; };
            serial@9040000 { compatible = "\(serial)", "arm,primecell"; reg = <0 \(serialBase) 0 0x1000>;
                interrupts = <0 8 4>; };
            intc@8000000 { compatible = "\(controller)";
                reg = <0 0x8000000 0 0x10000 0 0x80a0000 0 0xf60000>; };
            cpus { #address-cells = <1>; #size-cells = <0>;
                cpu-map { };
                cpu@0 { device_type = "cpu"; reg = <0>; };
                \(secondCore) };
        };
        """
    }

    @Test func readsWhatTheKernelNeeds() throws {
        let board = try board(source())
        #expect(board.coreAffinities == [0, 0x100])
        #expect(
            board.ram == [
                MemoryRange(base: 0x4000_0000, size: 0x2000_0000), MemoryRange(base: 0x1_0000_0000, size: 0x1000_0000),
            ])
        #expect(board.distributor == MemoryRange(base: 0x0800_0000, size: 0x1_0000))
        #expect(board.redistributors == MemoryRange(base: 0x080A_0000, size: 0xF6_0000))
        #expect(board.serial == MemoryRange(base: 0x0900_0000, size: 0x1000))
    }

    @Test(
        arguments: [
            ("0x9010000", 0x0901_0000), ("0x9010800", nil), ("0x7010000", nil), ("0x40000000", nil),
        ] as [(String, UInt64?)])
    func findsAClockAmongTheDevices(base: String, found: UInt64?) throws {
        let clock = "rtc@9010000 { compatible = \"arm,pl031\", \"arm,primecell\"; reg = <0 \(base) 0 0x1000>; };"
        let text = source().replacingOccurrences(of: "    cpus {", with: clock + " cpus {")
        #expect(try board(text).clock == found.map { MemoryRange(base: $0, size: 0x1000) })
        #expect(try board(source()).clock == nil)
    }

    @Test func takesTheChosenSerialPort() throws {
        #expect(try board(source()).serialInterrupt == 40)
    }

    @Test func devicesHoldNeitherRAMNorTheInterruptController() throws {
        let devices = try board(source()).devices
        #expect(devices == MemoryRange(base: 0x0900_0000, size: 0x3700_0000))
    }

    @Test func refusesABoardWithoutGICv3() {
        #expect { try board(source(controller: "arm,cortex-a15-gic")) } throws: {
            ($0 as? Failure)?.remedy == "start QEMU with gic-version=3"
        }
    }

    @Test func refusesABoardWithoutSerialPort() {
        #expect(throws: Failure.self) { try board(source(serial: "ns16550a")) }
    }

    @Test func refusesASerialPortInsideRAM() {
        #expect(throws: Failure.self) { try board(source(serialBase: "0x40000000")) }
    }

    @Test func refusesTooManyCores() {
        let cores = (1...8).map { "cpu@\($0) { device_type = \"cpu\"; reg = <\($0)>; };" }.joined()
        #expect(throws: Failure.self) { try board(source(secondCore: cores)) }
    }

    @Test func refusesAFileThatIsNoDeviceTree() {
        #expect(throws: Failure.self) {
            try Board(deviceTree: URL(fileURLWithPath: #filePath)) {
                String(decoding: try run("fdtget", $0), as: UTF8.self)
            }
        }
    }
}
