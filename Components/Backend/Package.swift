// swift-tools-version: 6.2
// The backend of a machine's disks. It has a package of its own because it uses a heap, from which it takes memory once
// when it starts.
import PackageDescription

let programs: KeyValuePairs<String, [Target.Dependency]> = [
    "Backend": [
        .product(name: "Virtio", package: "Machines"), .product(name: "VirtualPlatform", package: "Machines"),
    ]
]

let kit: [Target.Dependency] = [.product(name: "ABI", package: "Kit"), .product(name: "Entente", package: "Kit")]

let package = Package(
    name: "BackendProgram",
    products: programs.map { .library(name: $0.key + "Image", type: .static, targets: [$0.key]) },
    dependencies: [.package(path: "../../Kit"), .package(path: "../../Machines")],
    targets: programs.map { .target(name: $0.key, dependencies: kit + $0.value, path: "Program") }
)
