// swift-tools-version: 6.2
// One package for both sides. The host builds `entente` and the tests; the `*Image` products are cross-built with
// `--triple aarch64-none-none-elf --toolset Kernel/toolset.json` and linked by the host tool.
import PackageDescription

let component: [Target.Dependency] = ["ABI", "Entente"]

/// Bare-metal programs for machines: benchmarks and mischief. GUEST is built as the product GUESTImage.
let guests: [(name: String, path: String)] = [
    ("BenchGuest", "Bench/BenchGuest"),
    ("EventGuest", "Bench/EventGuest"),
    ("EchoGuest", "Bench/EchoGuest"),
    ("SwitchGuest", "Bench/SwitchGuest"),
    ("HostileGarbage", "Hostile/Garbage"),
    ("HostileUnmapped", "Hostile/Unmapped"),
    ("HostileStorm", "Hostile/Storm"),
    ("HostileSpin", "Hostile/Spin"),
    ("HostileHypercalls", "Hostile/Hypercalls"),
    ("HostileRegisters", "Hostile/Registers"),
    ("HostileDevices", "Hostile/Devices"),
]
let guestDependencies: [Target.Dependency] = ["GuestHardware", "GuestSupport", "HostileSupport"]

let package = Package(
    name: "Entente",
    products: [
        .executable(name: "entente", targets: ["entente"]),
        .library(name: "KernelImage", type: .static, targets: ["Kernel"]),
        .library(name: "RootImage", type: .static, targets: ["Root"]),
        .library(name: "MonitorImage", type: .static, targets: ["Monitor"]),
        .library(name: "SerialImage", type: .static, targets: ["Serial"]),
        .library(name: "HeartbeatImage", type: .static, targets: ["Heartbeat"]),
    ] + guests.map { .library(name: $0.name + "Image", type: .static, targets: [$0.name]) },
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // Shared by all.
        .target(name: "ABI"),

        // The kernel: its portable core, and AArch64.
        .target(name: "KernelCore", dependencies: ["ABI"]),
        .target(name: "Hardware", path: "Kernel/AArch64/Hardware"),
        .target(name: "Kernel", dependencies: ["ABI", "KernelCore", "Hardware"], path: "Kernel/AArch64/Kernel"),

        // Components.
        .target(name: "RuntimeSupport", path: "Runtime/RuntimeSupport"),
        .target(name: "Entente", dependencies: ["ABI", "RuntimeSupport"], path: "Runtime/Entente"),
        .target(name: "VirtualPlatform", dependencies: ["ABI"]),
        .target(name: "Root", dependencies: component, path: "Components/Root"),
        .target(name: "Monitor", dependencies: component + ["VirtualPlatform"], path: "Components/Monitor"),
        .target(name: "Serial", dependencies: component, path: "Components/Serial"),
        .target(name: "Heartbeat", dependencies: component, path: "Components/Heartbeat"),

        // Guests.
        .target(name: "GuestHardware", path: "Guests/Hardware"),
        .target(name: "GuestSupport", dependencies: ["GuestHardware"], path: "Guests/Support"),
        .target(
            name: "HostileSupport", dependencies: ["GuestHardware", "GuestSupport"], path: "Guests/Hostile/Support"),

        // The host tool.
        .target(
            name: "SystemImage",
            dependencies: ["ABI", .product(name: "Yams", package: "Yams")]),
        .executableTarget(
            name: "entente",
            dependencies: [
                "ABI", "SystemImage", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),

        .testTarget(
            name: "SystemImageTests",
            dependencies: ["SystemImage", "ABI", .product(name: "Yams", package: "Yams")]),
        .testTarget(name: "VirtualPlatformTests", dependencies: ["VirtualPlatform"]),
    ] + guests.map { .target(name: $0.name, dependencies: guestDependencies, path: "Guests/" + $0.path) }
)
