import Foundation
import SystemImage
import Tool

/// All experiments, those of the debate first and in its order.
enum ExperimentList {
    static let debate: [any Experiment] = [
        ReplicaExperiment(),
        KernelSizeExperiment(),
        IPCExperiment(),
        TasksExperiment(),
        ServiceExperiment(),
        ComponentExperiment(),
        LiabilityExperiment(),
        BindingExperiment(),
        NeighboursExperiment(),
        PortabilityExperiment(),
        RecoveryExperiment(),
        DensityExperiment(),
    ]
    static let all: [any Experiment] = debate + [XenExperiment()] + BenchmarkExperiment.all

    /// Returns the experiments of these names, in their order.
    ///
    /// - Throws: a `Failure` that names the unknown ones.
    static func named(_ names: [String]) throws -> [any Experiment] {
        try names.map { name in
            guard let found = all.first(where: { $0.name == name || $0.number.map(String.init) == name }) else {
                throw Failure(
                    "there is no experiment '\(name)'",
                    remedy: "take one out of \(all.map(\.name).joined(separator: ", "))")
            }
            return found
        }
    }

    /// A line for each experiment: number, name, and title.
    static var text: String {
        let width = all.map(\.name.count).max() ?? 0
        return all.map { experiment in
            let number = experiment.number.map { $0 < 10 ? " \($0)" : "\($0)" } ?? " -"
            let name = experiment.name.padding(toLength: width + 2, withPad: " ", startingAt: 0)
            return "\(number)  \(name)\(experiment.title)"
        }.joined(separator: "\n")
    }
}
