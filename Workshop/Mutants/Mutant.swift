import Foundation
import Tool

/// One small fault in the project's sources, as the program `Workshop/Mutator` makes it.
struct Mutant: Codable, Equatable {
    /// Names it: file, function and change. The same as long as the function's text is the same.
    var key: String
    /// The number that brings it to life: `ENTENTE_MUTANT`.
    var number: Int
    /// The number of its function, for `TestReach`.
    var functionNumber: Int
    /// The path below the project's root.
    var file: String
    var function: String
    var line: Int
    var change: String
    /// The lines of the mutated file on which it stands, from 1.
    var firstLine: Int
    var lastLine: Int

    var area: MutantArea? { MutantArea.allCases.first { file.hasPrefix($0.folder + "/") } }
}

/// The portable modules that mutants are made of.
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

/// How a mutant was noticed, or that it was not.
enum MutantFate: Equatable {
    /// A test failed, the first to do so; or the run trapped or did not end.
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
