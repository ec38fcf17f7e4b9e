import ArgumentParser
import Foundation
import SystemImage
import Tool

struct BenchEntriesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "entries",
        abstract: "Counts the instructions of each entry into the kernel, during which interrupts are off.",
        discussion: """
            Boots the systems of 'bench primitives', a Debian machine with its workload, two machines on one core \
            and 'bench realtime', with a plugin of QEMU that counts from the exception vector to the return. Entries \
            that went through the same functions are one row. With \(EntryCounter.variable)=FOLDER in the \
            environment every other command leaves its records in that folder, 'entente test' for example; --records \
            shows them.
            """)

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(help: ArgumentHelp("Show the records in this folder instead.", valueName: "folder"))
    var records: String?

    @Option(help: "The number of the longest paths to show.")
    var top = 12

    func run() throws {
        let workspace = try Workspace.current()
        let folder = records.map { URL(fileURLWithPath: $0) } ?? workspace.state.appendingPathComponent("entries")
        if records == nil {
            try? FileManager.default.removeItem(at: folder)
            setenv(EntryCounter.variable, folder.path, 1)
            try EntryCampaign(workspace: workspace).run()
        }
        let found = try EntryRecords(folder: folder)
        guard !found.paths.isEmpty else {
            throw Failure(
                "no entries are recorded in \(folder.path)", remedy: "run a system with \(EntryCounter.variable) set")
        }
        let kernel = try CrossBuild(workspace: workspace).program("Kernel", as: .kernel)
        let symbols = try SymbolTable(elf: Data(contentsOf: kernel))
        print(try json ? BenchRow.json(found.rows) : found.text(symbols: symbols, top: top))
    }
}
