// swift-tools-version: 6.2
// The host's tests of the portable modules: the kernel's core, the platform of machines, the services and the kit. They
// need only the packages of these modules. The tests of the tool and those that boot systems belong to the package
// around this folder.
import PackageDescription

let abi = Target.Dependency.product(name: "ABI", package: "Kit")
let sharedAccess = Target.Dependency.product(name: "SharedAccess", package: "Kit")

/// The files of the tests that run several threads, and the files that these tests need.
///
/// With ENTENTE_THREADS in the environment, the package has only these files, because the thread sanitizer finds
/// nothing in tests with one thread, and their build takes minutes. SwiftPM can neither build one test target alone nor
/// leave out files on demand. A test checks that no file is missing in this list.
let threadTests = [
    "RaceTests", "OwnBudgetTests", "BoundedLoopTests", "CopyTests", "ConcurrentHostileTests", "CrossCoreTests",
    "LookUpRaceTests", "CoreThread", "Fixture", "Fixture+Tenants", "Invariants", "Invariants+Objects",
    "Invariants+Queues", "Invariants+Tree", "HostileWords", "SeededGenerator", "Counter",
]
let testsWithoutThreads = [
    "InterleavingTests", "SupervisionTests", "SerialConsoleTests", "DiskPoolTests", "BlockStorageTests",
    "DiskOrdersTests", "VirtioBlockTests", "VirtioTests", "ItemStoreTests",
]
let hasThreadTestsOnly = Context.environment["ENTENTE_THREADS"] != nil

let package = Package(
    name: "Portable",
    dependencies: [
        .package(path: "../Kit"), .package(path: "../Kernel"), .package(path: "../Machines"),
        .package(path: "../Services"), .package(path: "../Components/BlockDriver"),
        .package(path: "../Components/Store"),
    ],
    targets: [
        // The tests of several modules share this target.
        .target(name: "TestSupport", path: "TestSupport"),
        .target(name: "Interleaving", dependencies: [sharedAccess], path: "Interleaving"),
        .testTarget(
            name: "InterleavingTests", dependencies: ["Interleaving", sharedAccess], path: "InterleavingTests"),
        .testTarget(
            name: "VirtualPlatformTests",
            dependencies: [
                "Interleaving", "TestSupport", abi, .product(name: "VirtualPlatform", package: "Machines"),
            ],
            path: "VirtualPlatformTests"),
        .testTarget(
            name: "VirtioTests",
            dependencies: [
                "TestSupport", abi, .product(name: "Virtio", package: "Machines"),
                .product(name: "VirtualPlatform", package: "Machines"),
            ],
            path: "VirtioTests"),
        .testTarget(
            name: "SupervisionTests", dependencies: [abi, .product(name: "Supervision", package: "Services")],
            path: "SupervisionTests"),
        .testTarget(
            name: "SerialConsoleTests", dependencies: [abi, .product(name: "SerialConsole", package: "Services")],
            path: "SerialConsoleTests"),
        .testTarget(
            name: "VirtioBlockTests",
            dependencies: [
                "TestSupport", abi, .product(name: "VirtioBlock", package: "Services"),
                .product(name: "DiskDriver", package: "BlockDriver"), .product(name: "Entente", package: "Kit"),
                .product(name: "EntenteTesting", package: "Kit"),
            ],
            path: "VirtioBlockTests"),
        .testTarget(
            name: "BlockStorageTests",
            dependencies: [
                abi, .product(name: "BlockStorage", package: "Services"),
                .product(name: "DiskPool", package: "Services"),
            ],
            path: "BlockStorageTests"),
        .testTarget(
            name: "DiskPoolTests", dependencies: ["TestSupport", .product(name: "DiskPool", package: "Services")],
            path: "DiskPoolTests"),
        .testTarget(
            name: "DiskOrdersTests",
            dependencies: [
                .product(name: "DiskOrders", package: "Services"),
                .product(name: "DiskPool", package: "Services"),
            ],
            path: "DiskOrdersTests"),
        .testTarget(
            name: "ItemStoreTests",
            dependencies: [
                .product(name: "ItemStore", package: "Store"), .product(name: "Entente", package: "Kit"),
                .product(name: "EntenteTesting", package: "Kit"),
            ],
            path: "ItemStoreTests"),
        .testTarget(
            name: "EntenteTests",
            dependencies: [
                "Interleaving", abi, .product(name: "Entente", package: "Kit"),
                .product(name: "EntenteTesting", package: "Kit"),
            ],
            path: "EntenteTests"),
        .testTarget(
            name: "KernelCoreTests",
            dependencies: [
                "Interleaving", "TestSupport", abi, .product(name: "KernelCore", package: "Kernel"),
                .product(name: "HardwareModel", package: "Kernel"),
            ],
            path: "KernelCoreTests", exclude: ["README.md"],
            sources: hasThreadTestsOnly ? threadTests.map { $0 + ".swift" } : nil),
    ]
)

if hasThreadTestsOnly { package.targets.removeAll { testsWithoutThreads.contains($0.name) } }

// Optimises debug builds with all assertions kept, because the tests then take a seventh of the time. Add
// `-Xswiftc -Onone` to the build command for a debugger.
for target in package.targets {
    target.swiftSettings = [.unsafeFlags(["-O", "-assert-config", "Debug"], .when(configuration: .debug))]
}
