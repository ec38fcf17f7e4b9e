import ArgumentParser
import Foundation
import Tool

struct TestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract:
            "Runs every test: those on the host, those of the proofs and the images, and those that boot systems on QEMU.",
        discussion: "With the folder of a component's package, it runs the tests of that package and nothing else.")

    @Argument(help: ArgumentHelp("The folder of a component's package.", valueName: "folder"))
    var path: String?

    @Flag(help: "Leave out the tests that boot systems on QEMU.")
    var hostOnly = false

    @Flag(help: "Leave out the runs with the address and thread sanitizers.")
    var noSanitizers = false

    @Option(
        help: "Only kill every part of every example this many times at random moments, and check that it comes back.")
    var kills: Int?

    @Option(
        help:
            "Only play this many random operations against the reference model of the kernel, with the address sanitizer."
    )
    var operations: Int?

    @Option(
        name: .customLong("repeat"),
        help: "Only run the tests on the host this many times with one build, and count the failures by test.")
    var runs: Int?

    @Flag(help: "Only check the proofs of the kernel's cross-core paths by spin.")
    var proofs = false

    @Flag(help: "Only check the board's images, and that the generated interfaces are current.")
    var images = false

    @Flag(help: "Only make the reference of the component kit, and check that DocC warns of nothing.")
    var reference = false

    @Flag(help: "Only run the tests that boot systems on QEMU.")
    var systems = false

    @Option(help: ArgumentHelp("With --systems: only this suite (can be repeated).", valueName: "name"))
    var suite: [String] = []

    @Flag(help: "Only explore interleavings in their long form, which takes minutes.")
    var interleavings = false

    @Flag(help: "Only make small faults in the portable modules, one at a time, and check that the tests notice them.")
    var mutants = false

    @Option(help: ArgumentHelp("With --mutants: only of this area (can be repeated).", valueName: "area"))
    var area: [MutantArea] = []

    @Option(
        help: "With --mutants: only this many of them, chosen by --seed. With 0, only those that are written by hand.")
    var sample: Int?

    @Option(help: "With --mutants: only this many of those that are written by hand, chosen by --seed.")
    var variants: Int?

    @Option(help: "With --mutants: the seed that chooses the samples.")
    var seed: UInt64 = 1

    func validate() throws {
        if let sample, sample < 0 { throw ValidationError("--sample must not be negative.") }
        if let variants, variants < 0 { throw ValidationError("--variants must not be negative.") }
        if !suite.isEmpty, !systems { throw ValidationError("--suite goes with --systems.") }
        if let runs, runs < 1 { throw ValidationError("--repeat must be at least 1.") }
        if !mutants, !area.isEmpty || sample != nil || variants != nil {
            throw ValidationError("--area, --sample and --variants go with --mutants.")
        }
    }

    func run() throws {
        let workspace = try Workspace.current()
        if let path { return try ComponentPackage(folder: ComponentPackage.folder(path), workspace: workspace).test() }
        var suite = TestSuite(workspace: workspace)
        defer { print(suite.summary) }
        if let kills {
            suite.runKillTests(kills: kills)
        } else if let operations {
            suite.runOperations(operations)
        } else if let runs {
            suite.repeatHostTests(runs)
        } else if proofs {
            suite.checkProofs()
        } else if reference {
            suite.checkReference()
        } else if images {
            suite.checkImages()
        } else if systems {
            suite.runSystemTests(self.suite)
        } else if interleavings {
            suite.runInterleavings()
        } else if mutants {
            suite.check(
                MutantCheck(
                    workspace: workspace, areas: area.isEmpty ? MutantArea.allCases : area, sample: sample,
                    variantSample: variants, seed: seed))
        } else {
            runAll(&suite)
        }
        if !suite.hasPassed { throw ExitCode(1) }
    }

    private func runAll(_ suite: inout TestSuite) {
        suite.checkFormat()
        suite.checkReference()
        suite.checkProofs()
        // Only the mutants that are written by hand are tried, because the suite fails for no others.
        let mutants = MutantCheck(
            workspace: suite.workspace, sample: 0, variantSample: 100, seed: suite.workspace.seedOfCommit)
        guard !hostOnly else {
            return suite.check(mutants) { suite in
                runHostTests(&suite)
                suite.checkImages()
            }
        }
        runHostTests(&suite)
        // The tests that boot systems leave a core idle now and then; the other stages do not.
        suite.check(mutants) { suite in
            suite.checkImages()
            suite.runSystemTests()
        }
    }
}

extension TestCommand {
    private func runHostTests(_ suite: inout TestSuite) {
        suite.runToolTests()
        if noSanitizers { return suite.runPortableTests(isLong: true) }
        // The portable tests run with a sanitizer only. With the address sanitizer the full form finds the most; the
        // thread sanitizer needs it for tests that race.
        suite.runPortableTests(sanitizer: "address", isLong: true)
        suite.runPortableTests(sanitizer: "thread", isLong: true)
    }
}

extension MutantArea: ExpressibleByArgument {}
