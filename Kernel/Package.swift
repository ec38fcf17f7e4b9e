// swift-tools-version: 6.2
// The kernel's portable core, and the model that stands in for the hardware in tests. The folder `AArch64`
// has the package of the board's program, and the package `Tests` has the tests.
import PackageDescription

let package = Package(
    name: "Kernel",
    products: [
        .library(name: "KernelCore", targets: ["KernelCore"]),
        .library(name: "HardwareModel", targets: ["HardwareModel"]),
    ],
    dependencies: [.package(path: "../Kit")],
    targets: [
        .target(
            name: "KernelCore",
            dependencies: [.product(name: "ABI", package: "Kit"), .product(name: "SharedAccess", package: "Kit")],
            path: "Core"),
        .target(
            name: "HardwareModel",
            dependencies: [
                "KernelCore", .product(name: "ABI", package: "Kit"), .product(name: "SharedAccess", package: "Kit"),
            ],
            path: "Model"),
    ]
)

// Optimises debug builds with all assertions kept, because the tests then take a seventh of the time. Add
// `-Xswiftc -Onone` to the build command for a debugger.
for target in package.targets {
    target.swiftSettings = [.unsafeFlags(["-O", "-assert-config", "Debug"], .when(configuration: .debug))]
}
