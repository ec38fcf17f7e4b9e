// swift-tools-version: 6.2
// The package on which components depend, in this repository and outside of it. The same package serves the board and
// the tests on the host. RuntimeSupport is empty on the host, and SharedAccess is empty on the board.
import PackageDescription

let package = Package(
    name: "Entente",
    products: [
        .library(name: "Entente", targets: ["Entente"]),
        .library(name: "EntenteTesting", targets: ["EntenteTesting"]),
        // These products are for the other packages of this repository.
        .library(name: "ABI", targets: ["ABI"]),
        .library(name: "SharedAccess", targets: ["SharedAccess"]),
    ],
    targets: [
        .target(name: "ABI", path: "ABI"),
        // Tests on the host use this target to watch and order the accesses to words that cores share.
        .target(name: "SharedAccess", path: "SharedAccess"),
        .target(name: "RuntimeSupport", path: "Support/AArch64"),
        .target(name: "Entente", dependencies: ["ABI", "SharedAccess", "RuntimeSupport"], path: "Entente"),
        .target(name: "EntenteTesting", dependencies: ["ABI", "Entente"], path: "EntenteTesting"),
    ]
)

// Optimises debug builds with all assertions kept, because the tests then take a seventh of the time. Add
// `-Xswiftc -Onone` to the build command for a debugger.
for target in package.targets where target.name == "SharedAccess" {
    target.swiftSettings = [.unsafeFlags(["-O", "-assert-config", "Debug"], .when(configuration: .debug))]
}
