// swift-tools-version: 6.2
// The portable logic of components, which makes no system calls.
import PackageDescription

let package = Package(
    name: "Services",
    products: [
        .library(name: "Supervision", targets: ["Supervision"]),
        .library(name: "SerialConsole", targets: ["SerialConsole"]),
        .library(name: "DiskPool", targets: ["DiskPool"]),
        .library(name: "DiskOrders", targets: ["DiskOrders"]),
        .library(name: "BlockStorage", targets: ["BlockStorage"]),
        .library(name: "VirtioBlock", targets: ["VirtioBlock"]),
    ],
    dependencies: [.package(path: "../Kit")],
    targets: ["Supervision", "SerialConsole", "DiskPool", "VirtioBlock"].map {
        .target(name: $0, dependencies: [.product(name: "ABI", package: "Kit")], path: $0)
    } + [
        .target(
            name: "BlockStorage", dependencies: [.product(name: "ABI", package: "Kit"), "DiskPool"],
            path: "BlockStorage"),
        .target(name: "DiskOrders", dependencies: ["DiskPool"], path: "DiskOrders"),
    ]
)

// Optimises debug builds with all assertions kept, because the tests then take a seventh of the time. Add
// `-Xswiftc -Onone` to the build command for a debugger.
for target in package.targets {
    target.swiftSettings = [.unsafeFlags(["-O", "-assert-config", "Debug"], .when(configuration: .debug))]
}
