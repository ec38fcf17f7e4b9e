// swift-tools-version: 6.2
// The portable devices of machines. Together they are the platform that a monitor presents to its guest.
import PackageDescription

let package = Package(
    name: "Machines",
    products: [
        .library(name: "VirtualPlatform", targets: ["VirtualPlatform"]),
        .library(name: "Virtio", targets: ["Virtio"]),
    ],
    dependencies: [.package(path: "../Kit"), .package(path: "../Services")],
    targets: [
        .target(
            name: "VirtualPlatform",
            dependencies: [
                .product(name: "ABI", package: "Kit"), .product(name: "SharedAccess", package: "Kit"),
                .product(name: "Supervision", package: "Services"),
            ],
            path: "VirtualPlatform"),
        .target(
            name: "Virtio", dependencies: [.product(name: "ABI", package: "Kit"), "VirtualPlatform"], path: "Virtio"),
    ]
)

// Optimises debug builds with all assertions kept, because the tests then take a seventh of the time. Add
// `-Xswiftc -Onone` to the build command for a debugger.
for target in package.targets {
    target.swiftSettings = [.unsafeFlags(["-O", "-assert-config", "Debug"], .when(configuration: .debug))]
}
