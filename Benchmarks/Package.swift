// swift-tools-version: 6.2
// Programs of the board that measure the kernel. Each runs in the place of root or of a monitor. `Measuring` is no
// program, but the part that those in the place of root share.
import PackageDescription

let kit: [Target.Dependency] = [.product(name: "ABI", package: "Kit"), .product(name: "Entente", package: "Kit")]

/// The modules that a program uses beside the kit.
let programs: KeyValuePairs<String, [Target.Dependency]> = [
    "Primitives": ["Measuring"],
    "Transfers": ["Measuring"],
    "Bindings": ["Measuring"],
    "StartTime": [],
    "TestMonitor": [.product(name: "MachineMonitor", package: "Components")],
    "Turns": [],
]

let package = Package(
    name: "Benchmarks",
    products: programs.map { .library(name: $0.key + "Image", type: .static, targets: [$0.key]) },
    dependencies: [.package(path: "../Kit"), .package(path: "../Components")],
    targets: [.target(name: "Measuring", dependencies: kit, path: "Programs/Measuring")]
        + programs.map { .target(name: $0.key, dependencies: kit + $0.value, path: "Programs/" + $0.key) }
)
