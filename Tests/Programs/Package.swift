// swift-tools-version: 6.2
// Components that the system tests run: broken, hostile and curious ones.
import PackageDescription

let kit: [Target.Dependency] = [.product(name: "ABI", package: "Kit"), .product(name: "Entente", package: "Kit")]

/// The modules that a program uses beside the kit.
let programs: KeyValuePairs<String, [Target.Dependency]> = [
    "BadPager": ["HarmWitness"],
    "Caller": [],
    "ConsoleFlood": [],
    "Crash": [],
    "DiskProbe": [],
    "Hang": ["HarmWitness"],
    "HostileComponent": [],
    "HostileMonitor": [],
    "HungSerial": [
        .product(name: "SerialDriver", package: "Components"), .product(name: "SerialConsole", package: "Services"),
    ],
    "InterruptFlood": [],
    "Inversion": [],
    "LateFault": [],
    "Launderer": [],
    "PageReader": [],
    "Poser": [],
    "RegionEcho": [],
    "Share": [],
    "TimeMeter": [],
]

let package = Package(
    name: "TestPrograms",
    products: programs.map { .library(name: $0.key + "Image", type: .static, targets: [$0.key]) },
    dependencies: [.package(path: "../../Kit"), .package(path: "../../Components"), .package(path: "../../Services")],
    targets: [.target(name: "HarmWitness", dependencies: kit, path: "HarmWitness")]
        + programs.map { .target(name: $0.key, dependencies: kit + $0.value, path: $0.key) }
)
