// swift-tools-version: 6.2
// The storage component, and the console by which the host's tool controls its disks. They have a package of their own
// because they use a heap, which most components of this repository do without.
import PackageDescription

let programs: KeyValuePairs<String, [Target.Dependency]> = [
    "Storage": [
        "DiskControl", .product(name: "BlockStorage", package: "Services"),
        .product(name: "DiskPool", package: "Services"),
    ],
    "DiskConsole": [
        "DiskControl", .product(name: "DiskOrders", package: "Services"),
        .product(name: "DiskPool", package: "Services"),
    ],
]
/// The folders of the programs.
let folders = ["Storage": "Program", "DiskConsole": "Console"]

let kit: [Target.Dependency] = [.product(name: "ABI", package: "Kit"), .product(name: "Entente", package: "Kit")]

let package = Package(
    name: "StorageProgram",
    products: [.library(name: "DiskControl", targets: ["DiskControl"])]
        + programs.map { .library(name: $0.key + "Image", type: .static, targets: [$0.key]) },
    dependencies: [.package(path: "../../Kit"), .package(path: "../../Services")],
    targets: [.target(name: "DiskControl", dependencies: kit, path: "Control")]
        + programs.map { .target(name: $0.key, dependencies: kit + $0.value, path: folders[$0.key]) }
)
