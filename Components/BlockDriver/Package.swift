// swift-tools-version: 6.2
// The driver of the board's disks. It has a package of its own because it uses a heap, which most components of this
// repository do without.
import PackageDescription

let programs: KeyValuePairs<String, [Target.Dependency]> = [
    "BlockDriver": ["DiskDriver"]
]

let kit: [Target.Dependency] = [.product(name: "ABI", package: "Kit"), .product(name: "Entente", package: "Kit")]

let package = Package(
    name: "BlockDriverProgram",
    products: [.library(name: "DiskDriver", targets: ["DiskDriver"])]
        + programs.map { .library(name: $0.key + "Image", type: .static, targets: [$0.key]) },
    dependencies: [.package(path: "../../Kit"), .package(path: "../../Services")],
    targets: [
        .target(
            name: "DiskDriver", dependencies: kit + [.product(name: "VirtioBlock", package: "Services")],
            path: "Driver")
    ] + programs.map { .target(name: $0.key, dependencies: kit + $0.value, path: "Program") }
)
