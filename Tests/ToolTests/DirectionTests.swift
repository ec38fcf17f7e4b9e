import Foundation
import Testing

@testable import Workshop

@Suite struct DirectionTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The folders of each module, in an order in which a folder refers only to those before it.
    @Test(arguments: [
        (
            "System",
            [
                "Diagnostics", "Values", "Programs", "Board", "Guests", "Manifest", "Manifest/Keys", "Manifest/Parser",
                "Plan", "Plan/Document", "Image", "Harm",
            ]
        ),
        (
            "Tool",
            [
                "Support", "Project", "Interfaces", "Packages", "Emulator", "Guest", "Build", "Console", "Boot",
                "Commands",
            ]
        ),
        ("Workshop", ["Support", "Checks", "Bench", "Mutants", "Testing", "Commands"]),
    ])
    func referencesPointDownwards(module: String, folders: [String]) throws {
        let check = try ReferenceCheck(
            folder: Self.root.appendingPathComponent(module), without: ["Program", "Mutator"])
        #expect(check.references.count > 50)
        #expect(check.upward(in: folders) == [])
        #expect(check.circular == [])
    }

    /// Other modules, with the files in circles of references. A list may only become shorter. The kernel's objects
    /// point to each other, as do those of the model and of the fakes; the other files have not been divided yet.
    private static let circles: KeyValuePairs<String, Set<String>> = [
        "Kit/ABI": [],
        "Kit/Entente": [],
        "Kit/EntenteTesting": [
            "FakeComponent+Kernel", "FakeComponent", "FakeDevice", "FakeKernel", "FakeMemory", "FakeNotification",
            "FakePages",
        ],
        "Kernel/Core": [
            "Calls/Kernel+Message", "Capabilities/GracePeriods", "Capabilities/Kernel+Revoke",
            "Contexts/ExecutionContext", "Contexts/VirtualCPU", "Cores/CrossCoreInterrupts", "Entry/Hardware",
            "Entry/Kernel", "Memory/AddressSpace", "Memory/Region", "Notifications/Notification", "Scheduling/Core",
            "Scheduling/Scheduling", "Scheduling/TimerQueue",
        ],
        "Kernel/Model": ["ModelBoard", "ModelCore", "ModelHardware", "TranslationModel"],
        "Kernel/AArch64/Program": [
            "AArch64+Debug", "AArch64+Tenants", "AArch64", "Exceptions", "IdentificationRegisters",
            "PhysicalInterrupts", "TrappedRegister",
        ],
        "Machines/VirtualPlatform": [],
        "Services/Supervision": [],
        "Services/SerialConsole": [],
        "Components/Root": [],
        "Components/Monitor": ["KernelEnvironment", "Monitor"],
        "Components/Serial": [],
    ]

    @Test(arguments: circles.map(\.key))
    func noFurtherFileIsInACircle(module: String) throws {
        let known = try #require(Self.circles.first { $0.key == module }).value
        let check = try ReferenceCheck(folder: Self.root.appendingPathComponent(module))
        #expect(!check.references.isEmpty)
        #expect(Set(check.circular.map { String($0.dropLast(".swift".count)) }) == known)
    }

    /// The modules of this project that the sources of a folder may import. A folder is listed before those that import
    /// its modules, so there is no circle.
    private static let imports: KeyValuePairs<String, [String]> = [
        "Kit/ABI": [],
        "Kit/SharedAccess": [],
        "Kit/Entente": ["ABI", "SharedAccess", "RuntimeSupport"],
        "Kit/EntenteTesting": ["ABI", "Entente"],
        "Kernel/Core": ["ABI", "SharedAccess"],
        "Kernel/Model": ["ABI", "SharedAccess", "KernelCore"],
        "Kernel/AArch64/Program": ["ABI", "KernelCore", "AArch64Support"],
        "Services": ["ABI"],
        "Machines": ["ABI", "SharedAccess", "Supervision"],
        "System": ["ABI"],
        "Components/Root": ["ABI", "Entente", "Supervision", "RuntimeSupport"],
        "Components/Monitor": ["ABI", "Entente", "VirtualPlatform", "MachineMonitor", "RuntimeSupport"],
        "Components/Serial": ["Entente", "SerialConsole", "SerialDriver"],
        "Components/Pager": ["Entente"],
        "Components/Heartbeat": ["Entente"],
        "Components/Control": ["Entente"],
        "Guests": ["GuestHardware", "GuestSupport", "HostileSupport"],
        "Benchmarks": ["ABI", "Entente", "MachineMonitor", "RuntimeSupport"],
        "Tests/Programs": ["ABI", "Entente", "RuntimeSupport", "SerialConsole", "SerialDriver", "HarmWitness"],
        "Tool": ["ABI", "SystemImage", "Tool", "Workshop"],
        "Workshop": ["ABI", "SystemImage", "Tool"],
    ]
    /// Modules of the toolchain and of other projects.
    private static let foreign: Set<String> = [
        "ArgumentParser", "Darwin", "Foundation", "FoundationNetworking", "FoundationXML", "Glibc", "Logging",
        "PackageDescription", "Swift", "SwiftOperators", "SwiftParser", "SwiftSyntax", "Synchronization", "Yams",
    ]

    /// The folders of the host alone, which may import all of those.
    private static let runsOnHost = [
        "Kit/SharedAccess", "Kit/EntenteTesting", "Kernel/Model", "System", "Tool", "Workshop",
    ]

    @Test(arguments: imports.map(\.key))
    func importsPointDownwards(folder: String) throws {
        let allowed = try #require(Self.imports.first { $0.key == folder }).value
        let sources = try Self.sources(in: folder)
        #expect(!sources.isEmpty)
        for (path, code) in sources {
            for match in code.matches(of: /(?m)^ *(?:@\w+ )?(?:public )?import (?:\w+ )?(\w+)/) {
                let module = String(match.1)
                if Self.foreign.contains(module) {
                    #expect(
                        Self.runsOnHost.contains(folder) || module == "Synchronization", "\(folder)/\(path): \(module)")
                } else {
                    #expect(allowed.contains(module), "\(folder)/\(path) imports \(module)")
                }
            }
        }
    }

    /// Returns the sources of a folder, without their comments and texts, by their paths in it.
    private static func sources(in folder: String) throws -> [String: String] {
        try files(in: folder).mapValues(ReferenceCheck.code)
    }

    private static func files(in folder: String) throws -> [String: String] {
        let url = root.appendingPathComponent(folder)
        let paths = try FileManager.default.subpathsOfDirectory(atPath: url.path).filter {
            $0.hasSuffix(".swift") && !$0.hasSuffix("Package.swift")
        }
        return try Dictionary(
            uniqueKeysWithValues: paths.map { path in
                (path, try String(contentsOf: url.appendingPathComponent(path), encoding: .utf8))
            })
    }

    /// The programs of `Tests/Programs` that call the kernel past the kit: some attack it, and the others stop a thread
    /// or set a timer by its slot.
    private static let callers: Set<String> = [
        "Caller", "Crash", "HarmWitness", "HostileComponent", "HostileMonitor", "InterruptFlood", "Inversion",
        "LateFault", "Launderer", "PageReader",
    ]

    /// Only root, monitors, benchmarks and those test programs may call the kernel past the kit.
    @Test(arguments: ["Components", "Services", "Tests/Programs"])
    func onlySomeCallTheKernelPastTheKit(folder: String) throws {
        var found: Set<String> = []
        for (path, code) in try Self.sources(in: folder)
        where code.contains(/invoke(UntilDone)?\(|(Initial|Root|Monitor)Slot/) {
            found.insert(String(path.prefix { $0 != "/" }))
        }
        let expected: [String: Set<String>] = ["Components": ["Root", "Monitor"], "Tests/Programs": Self.callers]
        #expect(found == expected[folder, default: []])
    }

    /// Root executes the plan and supervises, and every feature of a manifest is a rule of the plan. So no name, text or
    /// comment there is about a feature. Root itself has a console, and no word about those of others.
    @Test(arguments: ["Components/Root", "Services/Supervision"])
    func supervisionKnowsNoFeature(folder: String) throws {
        let files = try Self.files(in: folder)
        #expect(files.count > 5)
        for (path, text) in files { #expect(FeatureWords.found(in: text) == [], "\(folder)/\(path)") }
    }

    /// Everything trusts root, so root has to stay small enough to be read.
    @Test func rootIsShort() throws {
        #expect(try Self.files(in: "Components/Root").values.reduce(0) { $0 + $1.count { $0 == "\n" } } <= 900)
    }

    @Test(arguments: [
        ("machine.start()", ["machine"]), ("for index in virtualCPUs", ["virtual cpus"]), ("MachineEnd", ["machine"]),
        ("case .virtualCPU: // pagers", ["virtual cpu", "pagers"]), ("\"ring of the Monitor\"", ["ring", "monitor"]),
        ("SupervisorEvent.death", ["event"]), ("ConsoleQueue(consoleClient)", ["console queue", "console client"]),
        ("invoke(string, prevent, .virtualInterrupt); let console = Console(); waitForConsole()", []),
    ])
    func featuresAreFoundByTheirWords(text: String, words: [String]) {
        #expect(FeatureWords.found(in: text) == words)
    }

    /// The commands for users do without those for the work on this repository; only the program joins both.
    @Test func onlyTheProgramImportsTheWorkshop() throws {
        let url = Self.root.appendingPathComponent("Tool")
        for path in try FileManager.default.subpathsOfDirectory(atPath: url.path) where path.hasSuffix(".swift") {
            let text = try String(contentsOf: url.appendingPathComponent(path), encoding: .utf8)
            #expect(!text.contains("import Workshop") || path.hasPrefix("Program/"), "\(path)")
        }
    }

    @Test func findsUpwardReferencesAndCircles() {
        let check = ReferenceCheck(files: [
            "Low/Base.swift": "package struct Base { let top: Top }",
            "Low/Leaf.swift":
                "/// Not a reference: Top.\nenum Leaf { let text = \"Top\", code = \"\"\"\n    Top\n    \"\"\" }",
            "High/Top.swift": "final class Top: Base {}\nextension Leaf {}",
        ])
        #expect(check.references.map(\.type) == ["Base", "Leaf", "Top"])
        #expect(check.upward(in: ["Low", "High"]).map(\.from) == ["Low/Base.swift"])
        #expect(check.upward(in: ["Low"]).count == 3)
        #expect(check.circular == ["High/Top.swift", "Low/Base.swift"])
    }

    @Test func readsWhatTextsInterpolate() {
        let check = ReferenceCheck(files: [
            "A/One.swift": "struct One { let text = \"of \\(Two.name)\" }",
            "A/Two.swift": "struct Two { static let name = 1 }",
        ])
        #expect(check.references.map(\.type) == ["Two"])
    }
}
