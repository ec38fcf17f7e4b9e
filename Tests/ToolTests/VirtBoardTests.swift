import ABI
import Foundation
import Testing

@testable import SystemImage
@testable import Tool

/// The list of the board's devices equals the device tree of the emulator that is installed.
@Suite struct VirtBoardTests {
    @Test func namesTheDevicesOfTheEmulator() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).dtb")
        defer { try? FileManager.default.removeItem(at: file) }
        try Emulator().dumpDeviceTree(to: file)
        func read(_ arguments: [String]) throws -> String { try Subprocess("fdtget", arguments).text() }
        let board = try Board(deviceTree: file, read: read)
        let nodes = try read(["-l", file.path, "/"]).split(separator: "\n").map(String.init)
        #expect(Set(nodes) == Set(VirtBoard.nodes.map(\.name)))
        for node in nodes + ["pl031", "virtio_mmio", "pl013"] {
            func result(_ find: (DeviceRequest) throws(Failure) -> DeviceDescription) -> String {
                do { return "\(try find(DeviceRequest(name: "device", node: node)))" } catch {
                    return "\(error.problem)"
                }
            }
            let found = result { request throws(Failure) in
                try board.device(request, deviceTree: file, read: read)
            }
            #expect(result(VirtBoard.device) == found.replacingOccurrences(of: "'/", with: "'"), "\(node)")
        }
    }
}
