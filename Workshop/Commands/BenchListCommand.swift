import ArgumentParser

struct BenchListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the experiments, those of the debate with their numbers.")

    func run() { print(ExperimentList.text) }
}
