import Foundation
import Tool

extension Mutant {
    var area: MutantArea? { MutantArea.allCases.first { file.hasPrefix($0.folder + "/") } }
}

/// The portable modules that get mutants.
enum MutantArea: String, CaseIterable, Codable {
    case kernel, platform, runtime, supervision, console, pool, storage, driver, virtio

    /// The folder of the sources, below the project's root.
    var folder: String {
        switch self {
        case .kernel: "Kernel/Core"
        case .platform: "Machines/VirtualPlatform"
        case .runtime: "Kit/Entente"
        case .supervision: "Services/Supervision"
        case .console: "Services/SerialConsole"
        case .pool: "Services/DiskPool"
        case .storage: "Services/BlockStorage"
        case .driver: "Services/VirtioBlock"
        case .virtio: "Machines/Virtio"
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
