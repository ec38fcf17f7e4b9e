// swift-tools-version: 6.2
// The package on which components outside of this repository depend, and on nothing else of it. With ENTENTE_BOARD in
// the environment it is built for the board, otherwise for the host's tests. The package around it builds the same
// folders for its own programs.
import PackageDescription

let isForBoard = Context.environment["ENTENTE_BOARD"] != nil

let package = Package(
    name: "Entente",
    products: [
        .library(name: "Entente", targets: ["Entente"]),
        // Tests name it, so it must be there; for the board nobody builds it.
        .library(name: "EntenteTesting", targets: ["EntenteTesting"]),
    ],
    targets: [.target(name: "ABI", path: "ABI")]
        + (isForBoard
            ? [
                .target(name: "RuntimeSupport", path: "Support/AArch64"),
                .target(name: "Entente", dependencies: ["ABI", "RuntimeSupport"], path: "Entente"),
            ]
            : [
                // The host's shared words.
                .target(name: "SharedAccess", path: "SharedAccess"),
                .target(name: "Entente", dependencies: ["ABI", "SharedAccess"], path: "Entente"),
            ])
        + [.target(name: "EntenteTesting", dependencies: ["ABI", "Entente"], path: "EntenteTesting")]
)
