// swift-tools-version: 6.2
// A component that fails in the ways in which a newcomer's program does.
import PackageDescription

let package = Package(
    name: "mishaps",
    products: [.library(name: "MishapsImage", type: .static, targets: ["MishapsProgram"])],
    dependencies: [.package(name: "Entente", path: (Context.environment["ENTENTE_ROOT"] ?? "../../..") + "/Kit")],
    targets: [
        .target(name: "Mishaps", dependencies: [.product(name: "Entente", package: "Entente")]),
        .target(name: "MishapsProgram", dependencies: ["Mishaps", .product(name: "Entente", package: "Entente")]),
    ]
)
