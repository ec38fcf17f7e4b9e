import Foundation
import Tool

/// One small fault in the project's sources, as the program `Workshop/Mutator` makes it.
struct Mutant: Codable, Equatable {
    /// The name of the mutant: file, function and change. It stays the same as long as the function's text does.
    var key: String
    /// The number that activates it: `ENTENTE_MUTANT`.
    var number: Int
    /// The number of its function, for `TestReach`.
    var functionNumber: Int
    /// The path below the project's root.
    var file: String
    var function: String
    var line: Int
    var change: String
    /// The first line of the mutated file on which it stands. Both line numbers count from 1.
    var firstLine: Int
    var lastLine: Int

    var area: MutantArea? { MutantArea.allCases.first { file.hasPrefix($0.folder + "/") } }
}

/// The portable modules that get mutants.
enum MutantArea: String, CaseIterable, Codable {
    case kernel, platform, runtime, supervision, console

    /// The folder of the sources, below the project's root.
    var folder: String {
        switch self {
        case .kernel: "Kernel/Core"
        case .platform: "Machines/VirtualPlatform"
        case .runtime: "Kit/Entente"
        case .supervision: "Services/Supervision"
        case .console: "Services/SerialConsole"
        }
    }
}

/// The way in which a test noticed a mutant, or the reason why none did.
enum MutantFate: Equatable {
    /// This test was the first to fail. In the next two cases the run trapped, or did not end.
    case failed(test: String)
    case trapped
    case endless
    case survived
    /// No test reaches its function.
    case unreached

    var isNoticed: Bool {
        switch self {
        case .failed, .trapped, .endless: true
        case .survived, .unreached: false
        }
    }
}
