// swift-tools-version: 6.2
// The storage component. It has a package of its own because it uses a heap, which the other components of this
// repository do without.
import PackageDescription

let programs: KeyValuePairs<String, [Target.Dependency]> = [
    "Storage": [.product(name: "BlockStorage", package: "Services"), .product(name: "DiskPool", package: "Services")]
]

let package = Package(
    name: "StorageProgram",
    products: programs.map { .library(name: $0.key + "Image", type: .static, targets: [$0.key]) },
    dependencies: [.package(path: "../../Kit"), .package(path: "../../Services")],
    targets: programs.map {
        .target(
            name: $0.key,
            dependencies: [.product(name: "ABI", package: "Kit"), .product(name: "Entente", package: "Kit")] + $0.value,
            path: "Program")
    }
)
