// swift-tools-version: 6.2
// A server that puts elements into rings of its clients and takes elements out of them, while clients crash and come
// back.
import PackageDescription

let package = Package(
    name: "ledger",
    products: [.library(name: "LedgerImage", type: .static, targets: ["LedgerProgram"])],
    dependencies: [.package(name: "Entente", path: (Context.environment["ENTENTE_ROOT"] ?? "../../..") + "/Kit")],
    targets: [
        .target(name: "Ledger", dependencies: [.product(name: "Entente", package: "Entente")]),
        .target(name: "LedgerProgram", dependencies: ["Ledger", .product(name: "Entente", package: "Entente")]),
    ]
)
