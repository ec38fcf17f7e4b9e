// swift-tools-version: 6.2
// Components that the system tests run: broken, hostile and curious ones.
import PackageDescription

let programs = [
    "BadPager", "Caller", "ConsoleFlood", "Crash", "Hang", "HostileComponent", "HostileMonitor", "InterruptFlood",
    "Inversion", "LateFault", "Launderer", "PageReader", "Poser", "RegionEcho", "Share", "TimeMeter",
]

let package = Package(
    name: "TestPrograms",
    products: programs.map { .library(name: $0 + "Image", type: .static, targets: [$0]) },
    dependencies: [.package(path: "../../Kit")],
    targets: programs.map {
        .target(
            name: $0, dependencies: [.product(name: "ABI", package: "Kit"), .product(name: "Entente", package: "Kit")],
            path: $0)
    }
)
