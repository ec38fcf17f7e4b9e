// swift-tools-version: 6.2
// The kernel's program for AArch64. It is a static library, which the tool builds for the board and links.
import PackageDescription

let package = Package(
    name: "KernelProgram",
    products: [.library(name: "KernelImage", type: .static, targets: ["Kernel"])],
    dependencies: [.package(path: "../../Kit"), .package(path: "..")],
    targets: [
        .target(name: "AArch64Support", path: "Support"),
        .target(
            name: "Kernel",
            dependencies: [
                "AArch64Support", .product(name: "ABI", package: "Kit"),
                .product(name: "KernelCore", package: "Kernel"),
            ],
            path: "Program"),
    ]
)
