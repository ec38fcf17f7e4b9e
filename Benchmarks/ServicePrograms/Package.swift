// swift-tools-version: 6.2
// Programs of the board that measure services. They have a package of their own because they use a heap.
import PackageDescription

let kit: [Target.Dependency] = [.product(name: "Entente", package: "Kit")]

/// The modules that a program uses beside the kit.
let programs: KeyValuePairs<String, [Target.Dependency]> = [
    "LogKeeper": ["LineLog"],
    "ServiceBench": ["LineLog", "Marks", .product(name: "ItemStore", package: "Store")],
]

let package = Package(
    name: "ServicePrograms",
    products: programs.map { .library(name: $0.key + "Image", type: .static, targets: [$0.key]) },
    dependencies: [.package(path: "../../Kit"), .package(path: "../../Components/Store")],
    targets: [
        .target(name: "LineLog", dependencies: kit, path: "LineLog"), .target(name: "Marks", path: "Marks"),
    ] + programs.map { .target(name: $0.key, dependencies: kit + $0.value, path: $0.key) }
)
