// swift-tools-version: 6.2
// The storage component. It has a package of its own because it uses a heap, which the other components of this
// repository do without.
import PackageDescription

let programs: KeyValuePairs<String, [Target.Dependency]> = [
    "Storage": [
        "DiskControl", .product(name: "BlockStorage", package: "Services"),
        .product(name: "DiskPool", package: "Services"),
    ]
]

let kit: [Target.Dependency] = [.product(name: "ABI", package: "Kit"), .product(name: "Entente", package: "Kit")]

let package = Package(
    name: "StorageProgram",
    products: [.library(name: "DiskControl", targets: ["DiskControl"])]
        + programs.map { .library(name: $0.key + "Image", type: .static, targets: [$0.key]) },
    dependencies: [.package(path: "../../Kit"), .package(path: "../../Services")],
    targets: [.target(name: "DiskControl", dependencies: kit, path: "Control")]
        + programs.map { .target(name: $0.key, dependencies: kit + $0.value, path: "Program") }
)
