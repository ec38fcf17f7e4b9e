// swift-tools-version: 6.2
// One package for both sides. On the host it holds the tool, the portable modules and the tests. With ENTENTE_BOARD in
// the environment it holds the programs that run on the board instead: static libraries, cross-built with
//     ENTENTE_BOARD=1 swift build -c release --triple aarch64-none-none-elf --toolset Kernel/toolset.json --product NAMEImage
// and linked by the tool.
import PackageDescription

/// A program of the board: NAME is built as the product NAMEImage.
struct Program {
    var name: String
    var path: String
    var dependencies: [Target.Dependency]

    static func component(_ name: String, at path: String? = nil, and more: [Target.Dependency] = []) -> Program {
        Program(name: name, path: path ?? "Components/\(name)", dependencies: ["ABI", "Entente"] + more)
    }
    static func guest(_ name: String, at path: String) -> Program {
        Program(name: name, path: "Guests/\(path)", dependencies: ["GuestHardware", "GuestSupport", "HostileSupport"])
    }
}

let programs: [Program] = [
    Program(name: "Kernel", path: "Kernel/AArch64/Program", dependencies: ["ABI", "KernelCore", "AArch64Support"]),
    .component("Root", and: ["Supervision"]),
    .component("Monitor", at: "Components/Monitor/Program", and: ["MachineMonitor"]),
    .component("Serial", and: ["SerialConsole"]),
    .component("Heartbeat"),
    .component("Control"),
    // In root's place: measures the kernel.
    .component("Primitives", at: "Benchmarks/Programs/Primitives"),
    .component("StartTime", at: "Benchmarks/Programs/StartTime"),
    // In a monitor's place: a machine with the benchmarks' test page.
    .component("TestMonitor", at: "Benchmarks/Programs/TestMonitor", and: ["MachineMonitor"]),
    .component("Pager"),
    .component("Crash", at: "Tests/Programs/Crash"),
    .component("Caller", at: "Tests/Programs/Caller"),
    .component("HostileComponent", at: "Tests/Programs/HostileComponent"),
    .component("ConsoleFlood", at: "Tests/Programs/ConsoleFlood"),
    .component("TimeMeter", at: "Tests/Programs/TimeMeter"),
    .component("PageReader", at: "Tests/Programs/PageReader"),
    .component("BadPager", at: "Tests/Programs/BadPager"),
    .component("Poser", at: "Tests/Programs/Poser"),
    .component("LateFault", at: "Tests/Programs/LateFault"),
    .component("Inversion", at: "Tests/Programs/Inversion"),
    .component("Launderer", at: "Tests/Programs/Launderer"),
    .component("RegionEcho", at: "Tests/Programs/RegionEcho"),
    .component("Share", at: "Tests/Programs/Share"),
    .component("Hang", at: "Tests/Programs/Hang"),
    .component("InterruptFlood", at: "Tests/Programs/InterruptFlood"),
    .component("HostileMonitor", at: "Tests/Programs/HostileMonitor"),
    // Machines' programs: benchmarks and mischief.
    .guest("BenchGuest", at: "Bench/BenchGuest"),
    .guest("TestPageGuest", at: "Bench/TestPageGuest"),
    .guest("EventGuest", at: "Bench/EventGuest"),
    .guest("EchoGuest", at: "Bench/EchoGuest"),
    .guest("SwitchGuest", at: "Bench/SwitchGuest"),
    .guest("HostileGarbage", at: "Hostile/Garbage"),
    .guest("HostileUnmapped", at: "Hostile/Unmapped"),
    .guest("HostileStorm", at: "Hostile/Storm"),
    .guest("HostileSpin", at: "Hostile/Spin"),
    .guest("HostileHypercalls", at: "Hostile/Hypercalls"),
    .guest("HostileRegisters", at: "Hostile/Registers"),
    .guest("HostileTraces", at: "Hostile/Traces"),
    .guest("HostileDevices", at: "Hostile/Devices"),
    .guest("HostileLineFeeds", at: "Hostile/LineFeeds"),
    .guest("HostileReset", at: "Hostile/Reset"),
    .guest("HostileContention", at: "Hostile/Contention"),
    .guest("RegionGuest", at: "Bench/RegionGuest"),
    .guest("ShareGuest", at: "Bench/ShareGuest"),
    .guest("HostileBell", at: "Hostile/Bell"),
    .guest("DebugGuest", at: "Debug"),
    .guest("PanicGuest", at: "Failures/Panic"),
    .guest("HangGuest", at: "Failures/Hang"),
    // The same program on the bare emulator and in a machine.
    .guest("AccessGuest", at: "Differential/Accesses"),
    .guest("InterruptGuest", at: "Differential/Interrupts"),
]

let isForBoard = Context.environment["ENTENTE_BOARD"] != nil
/// The module of the words that cores share, as the host has them.
let seam: [Target.Dependency] = isForBoard ? [] : ["SharedAccess"]

/// With ENTENTE_MUTANTS the sources are a copy that holds mutants (`./entente test --mutants`), and ask which is alive.
let isMutated = Context.environment["ENTENTE_MUTANTS"] != nil
let mutationSeam: [Target.Dependency] = isMutated ? ["MutationSeam"] : []
let mutationTargets: [Target] = isMutated ? [.target(name: "MutationSeam", path: "Tests/Mutants/Seam")] : []

/// Modules that both sides build.
let shared: [Target] = [
    .target(name: "ABI", path: "Kit/ABI"),
    .target(name: "KernelCore", dependencies: ["ABI"] + seam + mutationSeam, path: "Kernel/Core"),
    .target(
        name: "VirtualPlatform", dependencies: ["ABI", "Supervision"] + seam + mutationSeam,
        path: "Machines/VirtualPlatform"),
    .target(name: "Supervision", dependencies: ["ABI"] + mutationSeam, path: "Services/Supervision"),
    .target(name: "SerialConsole", dependencies: ["ABI"] + mutationSeam, path: "Services/SerialConsole"),
]

let boardTargets: [Target] = [
    .target(name: "AArch64Support", path: "Kernel/AArch64/Support"),
    .target(name: "RuntimeSupport", path: "Kit/Support/AArch64"),
    .target(name: "Entente", dependencies: ["ABI", "RuntimeSupport"], path: "Kit/Entente"),
    .target(
        name: "MachineMonitor", dependencies: ["ABI", "Entente", "VirtualPlatform"], path: "Components/Monitor",
        exclude: ["Program"]),
    .target(name: "GuestHardware", path: "Guests/Hardware"),
    .target(name: "GuestSupport", dependencies: ["GuestHardware"], path: "Guests/Support"),
    .target(name: "HostileSupport", dependencies: ["GuestHardware", "GuestSupport"], path: "Guests/Hostile/Support"),
]

/// With ENTENTE_THREADS the core's tests are those that run several threads: the thread sanitizer finds nothing in
/// others.
let hasThreadTestsOnly = Context.environment["ENTENTE_THREADS"] != nil
/// The tests of `KernelCoreTests` that run several threads, and what they need. A test checks that none is missing.
let threadTests = [
    "RaceTests", "OwnBudgetTests", "BoundedLoopTests", "CopyTests", "ConcurrentHostileTests", "CrossCoreTests",
    "LookUpRaceTests", "CoreThread", "Fixture", "Fixture+Tenants", "Invariants", "Invariants+Objects",
    "Invariants+Queues",
    "Invariants+Tree", "HostileWords", "SeededGenerator", "Counter",
]
let testsWithoutThreads = ["InterleavingTests", "SupervisionTests", "SerialConsoleTests"]

/// The kernel's core and the virtual platform with their tests: no other package is needed for them.
let coreTargets: [Target] = [
    // Shared by the tests of several modules.
    .target(name: "TestSupport", path: "Tests/TestSupport"),
    .target(name: "SharedAccess", path: "Kit/SharedAccess"),
    .target(name: "Interleaving", dependencies: ["SharedAccess"], path: "Tests/Interleaving"),
    .testTarget(name: "InterleavingTests", dependencies: ["Interleaving", "SharedAccess"]),
    .testTarget(name: "VirtualPlatformTests", dependencies: ["VirtualPlatform", "Interleaving", "TestSupport"]),
    .testTarget(name: "SupervisionTests", dependencies: ["Supervision", "ABI"]),
    .testTarget(name: "SerialConsoleTests", dependencies: ["SerialConsole", "ABI"]),
    .target(name: "HardwareModel", dependencies: ["ABI", "KernelCore", "SharedAccess"], path: "Kernel/Model"),
    // What components link, with a fake kernel.
    .target(name: "Entente", dependencies: ["ABI"] + seam + mutationSeam, path: "Kit/Entente"),
    .target(name: "EntenteTesting", dependencies: ["ABI", "Entente"], path: "Kit/EntenteTesting"),
    .testTarget(name: "EntenteTests", dependencies: ["ABI", "Entente", "EntenteTesting", "Interleaving"]),
    .testTarget(
        name: "KernelCoreTests", dependencies: ["ABI", "KernelCore", "HardwareModel", "Interleaving", "TestSupport"],
        exclude: ["README.md"], sources: hasThreadTestsOnly ? threadTests.map { $0 + ".swift" } : nil),
]

let toolTargets: [Target] = [
    .target(name: "SystemImage", dependencies: ["ABI", .product(name: "Yams", package: "Yams")], path: "System"),
    // The commands for users.
    .target(
        name: "Tool",
        dependencies: [
            "ABI", "SystemImage", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            .product(name: "Logging", package: "swift-log"),
        ], path: "Tool", exclude: ["Program"]),
    // For the work on this repository: benchmarks, the test runner, mutants, and checks.
    .target(
        name: "Workshop",
        dependencies: [
            "ABI", "SystemImage", "Tool", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            .product(name: "Yams", package: "Yams"),
        ], path: "Workshop", exclude: ["Mutator"]),
    .executableTarget(
        name: "entente",
        dependencies: [
            "SystemImage", "Tool", "Workshop", .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ], path: "Tool/Program"),
    .testTarget(
        name: "SystemImageTests", dependencies: ["SystemImage", "ABI", .product(name: "Yams", package: "Yams")]),
    .testTarget(
        name: "ToolTests",
        dependencies: ["ABI", "SystemImage", "Tool", "Workshop", .product(name: "Logging", package: "swift-log")]),
    .testTarget(name: "SystemTests", dependencies: ["SystemImage", "Tool", "Workshop"]),
]

/// ENTENTE_CORE leaves out the tool: a quick build of the portable core and its tests.
let isCoreOnly = Context.environment["ENTENTE_CORE"] != nil
let hasTool = !isForBoard && !isCoreOnly
/// ENTENTE_TOOL leaves out the core instead: a quick build of the tool's tests and of the system tests.
let isToolOnly = Context.environment["ENTENTE_TOOL"] != nil

/// Optimises a debug build of the core and its tests with all assertions kept, because the tests then take a seventh
/// of the time, and building them half as long again. ENTENTE_UNOPTIMISED leaves it out, for a debugger.
///
/// Components depend on the package in `Runtime`, because SwiftPM refuses such flags in a dependency.
if !isForBoard, Context.environment["ENTENTE_UNOPTIMISED"] == nil {
    for target in shared + coreTargets {
        target.swiftSettings = [.unsafeFlags(["-O", "-assert-config", "Debug"], .when(configuration: .debug))]
    }
}

let package = Package(
    name: "Entente",
    products: isForBoard
        ? programs.map { .library(name: $0.name + "Image", type: .static, targets: [$0.name]) }
        : hasTool ? [.executable(name: "entente", targets: ["entente"])] : [],
    dependencies: hasTool
        ? [
            .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
            .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
            .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        ]
        : [],
    targets: isToolOnly && hasTool
        ? shared.filter { $0.name == "ABI" } + toolTargets
        : shared + mutationTargets
            + (isForBoard
                ? boardTargets
                    + programs.map { .target(name: $0.name, dependencies: $0.dependencies, path: $0.path) }
                : coreTargets.filter { !hasThreadTestsOnly || !testsWithoutThreads.contains($0.name) }
                    + (hasTool ? toolTargets : []))
)
