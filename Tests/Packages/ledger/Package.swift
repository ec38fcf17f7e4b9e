// swift-tools-version: 6.2
// A server that puts into rings of its clients and takes out of them, and clients that crash and come back meanwhile.
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
