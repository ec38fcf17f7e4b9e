// swift-tools-version: 6.2
// The components of this repository, as programs of the board. The program NAME is the static library NAMEImage, which
// the tool builds and links.
import PackageDescription

let kit: [Target.Dependency] = [.product(name: "ABI", package: "Kit"), .product(name: "Entente", package: "Kit")]

/// The modules that a program uses beside the kit.
let programs: KeyValuePairs<String, [Target.Dependency]> = [
    "Monitor": ["MachineMonitor"],
    "Root": [.product(name: "Supervision", package: "Services")],
    "Serial": ["SerialDriver"],
    "Pager": [],
    "Heartbeat": [],
    "Control": [],
]

let package = Package(
    name: "Components",
    products: ["MachineMonitor", "SerialDriver"].map { .library(name: $0, targets: [$0]) }
        + programs.map { .library(name: $0.key + "Image", type: .static, targets: [$0.key]) },
    dependencies: [.package(path: "../Kit"), .package(path: "../Machines"), .package(path: "../Services")],
    targets: [
        .target(
            name: "MachineMonitor", dependencies: kit + [.product(name: "VirtualPlatform", package: "Machines")],
            path: "Monitor", exclude: ["Program"]),
        .target(
            name: "SerialDriver", dependencies: kit + [.product(name: "SerialConsole", package: "Services")],
            path: "Serial", exclude: ["Program"]),
    ]
        + programs.map {
            .target(
                name: $0.key, dependencies: kit + $0.value,
                path: ["Monitor", "Serial"].contains($0.key) ? $0.key + "/Program" : $0.key)
        }
)
