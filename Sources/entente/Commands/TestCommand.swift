import ArgumentParser
import Foundation

struct TestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Runs every test: on the host, of the models, of the images, and of whole systems on QEMU.",
        discussion: "With the folder of a component's package, runs its tests and nothing else.")

    @Argument(help: ArgumentHelp("The folder of a component's package.", valueName: "folder"))
    var path: String?

    @Flag(help: "Leave out the tests that boot systems on QEMU.")
    var hostOnly = false

    @Flag(help: "Leave out the runs with the address and thread sanitizers.")
    var noSanitizers = false

    @Option(help: "Only kill every part of every example at random moments, so often, and see it come back.")
    var kills: Int?

    @Option(help: "Only play so many random operations against the reference model of the kernel, with the address sanitizer.")
    var operations: Int?

    @Flag(help: "Only check the models of the kernel's cross-core paths, with spin.")
    var models = false

    func run() throws {
        let workspace = try Workspace.current()
        if let path { return try ComponentPackage(folder: ComponentPackage.folder(path), workspace: workspace).test() }
        var suite = TestSuite(workspace: workspace)
        defer { print(suite.summary) }
        if let kills {
            suite.runKillTests(kills: kills)
        } else if let operations {
            suite.runOperations(operations)
        } else if models {
            suite.checkModels()
        } else {
            runAll(&suite)
        }
        if !suite.hasPassed { throw ExitCode(1) }
    }

    private func runAll(_ suite: inout TestSuite) {
        suite.checkModels()
        suite.runHostTests()
        suite.runInterleavings()
        if !noSanitizers {
            suite.runHostTests(sanitizer: "address")
            suite.runHostTests(sanitizer: "thread", coreOnly: true)
        }
        suite.checkImages()
        if !hostOnly { suite.runSystemTests() }
    }
}
