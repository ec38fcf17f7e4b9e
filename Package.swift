// swift-tools-version: 6.2
// The host's side: the tool, its libraries and their tests, and the tests that boot systems. The other packages lie in
// folders. `Kit`, `Kernel`, `Machines` and `Services` have the portable modules, `Tests` has their tests, and
// `Kernel/AArch64`, `Components`, `Guests`, `Benchmarks` and `Tests/Programs` have programs of the board.
import PackageDescription

let abi = Target.Dependency.product(name: "ABI", package: "Kit")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let orders = Target.Dependency.product(name: "DiskOrders", package: "Services")
let pool = Target.Dependency.product(name: "DiskPool", package: "Services")
let yaml = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
    name: "Host",
    products: [.executable(name: "entente", targets: ["entente"])],
    dependencies: [
        .package(path: "Kit"),
        .package(path: "Services"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    ],
    targets: [
        .target(name: "SystemImage", dependencies: [abi, pool, yaml], path: "System"),
        // This target has the commands for users.
        .target(
            name: "Tool", dependencies: ["SystemImage", abi, arguments, logging, orders, pool], path: "Tool",
            exclude: ["Program"]),
        // This target is for the work on this repository. It has benchmarks, the test runner, mutants, and checks.
        .target(
            name: "Workshop", dependencies: ["SystemImage", "Tool", abi, arguments, orders, pool, yaml],
            path: "Workshop", exclude: ["Mutator"]),
        .executableTarget(
            name: "entente", dependencies: ["SystemImage", "Tool", "Workshop", arguments], path: "Tool/Program"),
        .testTarget(name: "SystemImageTests", dependencies: ["SystemImage", abi, yaml]),
        .testTarget(name: "ToolTests", dependencies: ["SystemImage", "Tool", "Workshop", abi, logging, orders, pool]),
        .testTarget(name: "SystemTests", dependencies: ["SystemImage", "Tool", "Workshop"]),
    ]
)
