import Foundation
import Testing

@testable import Tool
@testable import Workshop

extension SystemTests {
    /// Programs print the same in a machine as on the bare emulator, which stands for the board.
    @Suite(.serialized) struct DifferentialTests {
        /// Every kind of load and store on devices, with each translation that the core has.
        @Test(arguments: ["cortex-a53", "max"]) func aMachineDoesAsTheBoard(cpu: String) throws {
            let system = try RunningSystem("Tests/Systems/differential.yaml", ["--cpu", cpu])
            for guest in ["accesses", "interrupts"] {
                let board = try bareLines(of: guest, cpu: cpu)
                let machine = lines(try system.wait(for: "\(guest): end", on: guest, timeout: .seconds(120)), of: guest)
                #expect(board.count > 10)
                for (expected, found) in zip(board, machine) where expected != found {
                    Issue.record("the board: \(expected), a machine: \(found)")
                }
                #expect(board.count == machine.count)
            }
        }

        private func lines(_ text: String, of guest: String) -> [Substring] {
            text.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("\(guest):") }
        }

        private func bareLines(of guest: String, cpu: String) throws -> [Substring] {
            let system = try RunningSystem("Tests/Systems/differential.yaml", ["--cpu", cpu], bare: guest)
            return lines(try system.wait(for: "\(guest): end", on: guest, timeout: .seconds(60)), of: guest)
        }
    }
}
