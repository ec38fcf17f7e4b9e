// swift-tools-version: 6.2
// A store of items of 4 KiB, and a client of it. They have a package of their own because they use a heap, which most
// components of this repository do without.
import PackageDescription

let programs: KeyValuePairs<String, [Target.Dependency]> = [
    "Store": ["ItemStore"],
    "StoreUser": ["ItemStore"],
]
/// The folders of the programs.
let folders = ["Store": "Program", "StoreUser": "User"]

let kit: [Target.Dependency] = [.product(name: "Entente", package: "Kit")]

let package = Package(
    name: "Store",
    products: [.library(name: "ItemStore", targets: ["ItemStore"])]
        + programs.map { .library(name: $0.key + "Image", type: .static, targets: [$0.key]) },
    dependencies: [.package(path: "../../Kit")],
    targets: [.target(name: "ItemStore", dependencies: kit, path: "Logic")]
        + programs.map { .target(name: $0.key, dependencies: kit + $0.value, path: folders[$0.key]) }
)
