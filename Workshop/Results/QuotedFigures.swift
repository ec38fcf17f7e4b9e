import Foundation
import SystemImage
import Tool

/// Figures of other systems that somebody measured before, on the same emulator, and that no run here repeats. They are
/// in `Benchmarks/debate/quoted.json`.
struct QuotedFigures: Decodable {
    /// The configuration and the method of a measurement.
    struct Source: Decodable {
        var cpu: String?
        var text: String
    }

    struct Entry: Decodable {
        var experiment: String
        var name: String
        var subject: Subject
        var value: Double
        var unit: String
        var measure: Figure.Measure
        /// The name of the `Source`.
        var source: String
    }

    var sources: [String: Source]
    var figures: [Entry]

    init(of workspace: Workspace) throws {
        let file = workspace.root.appendingPathComponent("Benchmarks/debate/quoted.json")
        do { self = try JSONDecoder().decode(Self.self, from: Data(contentsOf: file)) } catch {
            throw Failure("\(file.shortPath) cannot be read: \(error)", remedy: "restore the file from the repository")
        }
    }

    /// Returns the figures for an experiment, in the file's order.
    func figures(for experiment: String) -> [Figure] {
        figures.filter { $0.experiment == experiment }.map { entry in
            Figure(
                name: entry.name, subject: entry.subject, value: entry.value, unit: entry.unit, measure: entry.measure,
                origin: .quoted, cpu: sources[entry.source]?.cpu, source: sources[entry.source]?.text ?? entry.source)
        }
    }
}
