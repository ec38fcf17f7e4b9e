// swift-tools-version: 6.2
// A component as anybody would write it, in a package of its own: it uses what the standard library allocates.
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
