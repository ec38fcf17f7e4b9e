import Foundation
import SystemImage
import Tool

/// The figures of several experiments, as they are kept in a file of JSON.
struct BenchResults: Codable, Equatable {
    /// The version of the file's form. A reader refuses every other one.
    static let schema = 1

    enum Form: String, Codable { case quick, whole }

    var schema = BenchResults.schema
    var form: Form
    /// The number of the host's cores.
    var hostCores: Int
    var experiments: [ExperimentResult] = []

    /// Reads a file.
    ///
    /// - Throws: a `Failure` with the file's name if it cannot be read or has another form.
    init(file: URL) throws {
        let data: Data
        do { data = try Data(contentsOf: file) } catch {
            throw Failure("the results in \(file.shortPath) cannot be read", remedy: "name a file of 'bench run'")
        }
        struct Version: Decodable { var schema: Int }
        guard let version = try? JSONDecoder().decode(Version.self, from: data) else {
            throw Failure("\(file.shortPath) holds no results of benchmarks", remedy: "name a file of 'bench run'")
        }
        guard version.schema == Self.schema else {
            throw Failure(
                "\(file.shortPath) has the schema \(version.schema), and this tool knows \(Self.schema)",
                remedy: "measure again, or take the tool of the commit that measured")
        }
        do { self = try JSONDecoder().decode(Self.self, from: data) } catch {
            throw Failure("\(file.shortPath) is not whole: \(error)", remedy: "measure again")
        }
    }

    init(form: Form, hostCores: Int) { (self.form, self.hostCores) = (form, hostCores) }

    func write(to file: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try (encoder.encode(self) + Data("\n".utf8)).writeWhole(to: file)
    }

    subscript(name: String) -> ExperimentResult? { experiments.first { $0.name == name } }

    /// Adds an experiment's result in the place of its former one.
    mutating func add(_ result: ExperimentResult) {
        if let index = experiments.firstIndex(where: { $0.name == result.name }) {
            experiments[index] = result
        } else {
            experiments.append(result)
        }
    }
}

/// The outcome of one experiment.
struct ExperimentResult: Codable, Equatable {
    var name: String
    /// The command that measures it again.
    var command: String
    /// The day of the run, as YYYY-MM-DD.
    var date = ""
    /// The versions of the software, by name.
    var software: [String: String] = [:]
    /// The host's time that it took.
    var seconds: Double
    var figures: [Figure] = []
    /// The reasons for which figures are missing, by the part that failed: a subject, or the whole experiment.
    var failures: [String: String] = [:]

    subscript(name: String, subject: Subject) -> Figure? {
        figures.first { $0.name == name && $0.subject == subject }
    }
}
