// swift-tools-version: 6.2
// Several components in one program, which exchange everything that a message can carry beyond six words.
import PackageDescription

let package = Package(
    name: "exchange",
    products: [.library(name: "ExchangeImage", type: .static, targets: ["ExchangeProgram"])],
    dependencies: [.package(name: "Entente", path: (Context.environment["ENTENTE_ROOT"] ?? "../../..") + "/Kit")],
    targets: [
        .target(name: "Exchange", dependencies: [.product(name: "Entente", package: "Entente")]),
        .target(name: "ExchangeProgram", dependencies: ["Exchange", .product(name: "Entente", package: "Entente")]),
    ]
)
