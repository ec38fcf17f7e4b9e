import ABI
import Foundation
import Testing

@testable import SystemImage

@Suite struct ManifestTests {
    private func valid(_ name: String, _ overrides: BoardOverrides = BoardOverrides()) throws -> Manifest {
        try Manifest.load(
            path: Repository.manifests.appendingPathComponent("valid/\(name).yaml").path, overriding: overrides)
    }

    @Test(arguments: Repository.files(in: "Tests/Manifests/valid", withExtension: "yaml"))
    func validManifestPasses(file: URL) {
        #expect(throws: Never.self) { try Manifest.load(path: file.path) }
    }

    @Test func machinesLearnOfTheirSharedMemory() throws {
        let manifest = try valid("shared-memory")
        #expect(manifest.sharedMemory.map(\.name) == ["frames", "events", "both"])
        #expect(manifest.sharedMemory.map(\.ends) == [["left", "camera"], ["camera", "right"], ["left", "right"]])
        #expect(
            manifest.machines[0].sharedMemory == [
                SharedMemoryEnd(name: "frames", number: 0, size: 16 << 20),
                SharedMemoryEnd(name: "both", number: 2, size: 1 << 20),
            ])
        #expect(manifest.machines[1].sharedMemory.map(\.number) == [1, 2])
        #expect(manifest.tenants.contains(.machine(manifest.machines[1])))
        // The board's memory must hold the regions, too: 145 MiB and some pages, and 1 MiB for the system.
        let error = #expect(throws: Failure.self) { try valid("shared-memory", BoardOverrides(memory: 146 << 20)) }
        #expect(error?.description.contains("shared memory (17412KiB)") == true)
    }

    @Test func programsThatAreNotThereAreRefused() {
        let path = Repository.manifests.appendingPathComponent("valid/everything.yaml").path
        let error = #expect(throws: Failure.self) {
            try Manifest.load(
                path: path, programs: KnownPrograms(components: ["Root", "Monitor", "Heart"], guests: ["Heartbeat"]))
        }
        let text = error?.description ?? ""
        #expect(text.contains("is 'Heartbeat', but this repository has no such program"), "\(text)")
    }

    @Test func nothingMeansTheDefaults() throws {
        let manifest = try valid("minimal")
        #expect(manifest.name == "valid")
        #expect(manifest.board == BoardDescription())
        #expect(manifest.machines == [MachineDescription(name: "debian")])
        #expect(manifest.components.isEmpty)
    }

    @Test func everyKeyIsRead() throws {
        let manifest = try valid("everything")
        #expect(manifest.name == "everything")
        #expect(manifest.board.cpu == "cortex-a76" && manifest.board.cores == 4 && manifest.board.memory == 2 << 30)
        let machine = try #require(manifest.machines.last)
        #expect(machine.guest == .debian(flavour: .generic))
        #expect(machine.commandLine == "console=ttyAMA0 quiet")
        #expect(machine.memory == 256 << 20 && machine.cpus == 4 && machine.priority == 8 && machine.core == 3)
        #expect(!machine.restarts && machine.after == ["beat", "second"])
        #expect(machine.diesOfPanic && machine.hasWatchdog)
        #expect(!manifest.machines[0].diesOfPanic && !manifest.machines[0].hasWatchdog)
        #expect(manifest.machines[0].deviceTree?.lastPathComponent == "readme.txt")
        let component = try #require(manifest.components.first)
        #expect(component.program == .target("Heartbeat"))
        #expect(
            component.memory == 128 << 10 && component.stack == 64 << 10 && component.priority == 31
                && component.core == 1)
        #expect(component.arguments == [1, .max])
    }

    @Test func tenantsStartBehindThoseTheyComeAfter() throws {
        #expect(try valid("everything").tenants.map(\.name) == ["second", "beat", "first"])
    }

    @Test func supervisionIsRead() throws {
        let manifest = try valid("supervision")
        #expect(manifest.board.onFailure == .reset)
        func time(_ milliseconds: UInt64) -> TimeSpan { TimeSpan(milliseconds: milliseconds) }
        #expect(
            manifest.machines[0].restart
                == RestartDescription(limit: 2, span: time(300_000), backoff: time(1000), backoffLimit: time(10_000)))
        #expect(manifest.components[0].restart.limit == 0)
        #expect(manifest.components[1].restart == .tenant)
        #expect(manifest.tenants.map(\.restart.onLimit) == [.escalate, .escalate, .escalate, .stop])
        #expect(manifest.groups.map(\.name) == ["network", "outside"])
        #expect(manifest.groups.map(\.members) == [["driver", "stack"], ["network", "logger"]])
        #expect(manifest.groups[0].restart == .group)
        #expect(manifest.groups[1].restart.limit == 1 && manifest.groups[1].restart.onLimit == .stop)
    }

    @Test func timesHaveUnits() {
        #expect(TimeSpan("250ms")?.milliseconds == 250 && TimeSpan("3 s")?.milliseconds == 3000)
        #expect(TimeSpan("2min")?.milliseconds == 120_000)
        for text in ["", "5", "s", "-1s", "1.5s", "1h", "1s ", "99999999999999999999s"] {
            #expect(TimeSpan(text) == nil)
        }
        #expect(["90s", "120s", "1ms", "0s"].map { TimeSpan($0)!.description } == ["90s", "2min", "1ms", "0ns"])
    }

    @Test func pathsAreRelativeToTheManifest() throws {
        let machine = try valid("own-files").machines[0]
        let files = Repository.manifests.appendingPathComponent("files").standardizedFileURL
        guard case .files(let kernel, let initrd, let format) = machine.guest else {
            Issue.record("the guest is \(machine.guest)")
            return
        }
        #expect(kernel.path == files.appendingPathComponent("Image").path)
        #expect(initrd?.path == files.appendingPathComponent("initrd").path)
        #expect(format == .auto)
    }

    @Test func connectionsNameOtherComponents() throws {
        let components = try valid("uses").components
        #expect(
            components[0].uses == [
                ConnectionDescription(name: "counter", server: "server"),
                ConnectionDescription(name: "other", server: "server"),
            ])
        #expect(components[1].uses == [])
    }

    @Test func programsOfThisRepositoryTakePlaces() throws {
        let machines = try valid("events").machines
        #expect(machines.map(\.monitor) == ["TestMonitor", "Monitor"])
        #expect(machines.map(\.eventPeer) == ["second", "first"])
        #expect(try valid("built-guest").machines[0].guest == .target("BenchGuest"))
        #expect(try valid("other-root").root == "Primitives")
        #expect(try valid("minimal").root == Manifest.standardRoot)
    }

    @Test func aComponentMayHaveABudget() throws {
        let components = try valid("budget").components
        #expect(components[0].allowance == TimeAllowance(budget: 100_000, period: 1_000_000))
        #expect(components[1].allowance == .unlimited)
    }

    @Test func anchorsGiveTwoMachinesTheSame() throws {
        let machines = try valid("anchors").machines
        #expect(machines.map(\.cpus) == [2, 2] && machines.map(\.name) == ["first", "second"])
    }

    @Test func fewerCoresFoldTheTenants() throws {
        let manifest = try valid("everything", BoardOverrides(cpu: "max", cores: 2, memory: 4 << 30))
        #expect(manifest.board.cpu == "max" && manifest.board.cores == 2 && manifest.board.memory == 4 << 30)
        #expect(manifest.tenants.map(\.core) == [0, 1, 1])
    }

    @Test func lessMemoryIsCheckedAgain() {
        let error = #expect(throws: Failure.self) { try valid("everything", BoardOverrides(memory: 512 << 20)) }
        #expect(error?.diagnostics.count == 1)
    }

    @Test func errorsComeInTheOrderOfTheirLines() {
        let path = Repository.manifests.appendingPathComponent("several-errors.yaml").path
        let lines =
            #expect(throws: Failure.self) { try Manifest.load(path: path) }?.diagnostics.compactMap { $0.place?.line }
            ?? []
        #expect(lines.count >= 7 && lines == lines.sorted())
    }
}
