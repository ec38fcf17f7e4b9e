import ArgumentParser
import Tool

struct BenchRunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs experiments by name or number, and keeps their figures.",
        discussion: """
            The figures of each experiment are kept as soon as it ends. An experiment replaces its own figures of an \
            earlier run in the same file. 'bench report' makes a page of the file.
            """)

    @Argument(help: ArgumentHelp("The experiments, as 'bench list' names them.", valueName: "experiment"))
    var names: [String]

    @OptionGroup var options: ExperimentOptions

    func run() throws {
        try options.run(ExperimentList.named(names), in: Workspace.current())
    }
}
