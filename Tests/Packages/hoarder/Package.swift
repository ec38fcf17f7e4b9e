// swift-tools-version: 6.2
// A component in its own package, as any user could write it. It uses types of the standard library that allocate.
import PackageDescription

let package = Package(
    name: "hoarder",
    products: [.library(name: "HoarderImage", type: .static, targets: ["HoarderProgram"])],
    dependencies: [.package(name: "Entente", path: (Context.environment["ENTENTE_ROOT"] ?? "../../..") + "/Kit")],
    targets: [
        .target(name: "Hoarder", dependencies: [.product(name: "Entente", package: "Entente")]),
        .target(name: "HoarderProgram", dependencies: ["Hoarder", .product(name: "Entente", package: "Entente")]),
    ]
)
