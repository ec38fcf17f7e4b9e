// swift-tools-version: 6.2
// The bare programs that machines run. They are benchmarks, hostile guests, and programs that run on the bare emulator
// as well.
import PackageDescription

/// The folder of each program.
let programs: KeyValuePairs<String, String> = [
    "BenchGuest": "Bench/BenchGuest",
    "TestPageGuest": "Bench/TestPageGuest",
    "EventGuest": "Bench/EventGuest",
    "EchoGuest": "Bench/EchoGuest",
    "SwitchGuest": "Bench/SwitchGuest",
    "RegionGuest": "Bench/RegionGuest",
    "ShareGuest": "Bench/ShareGuest",
    "StartGuest": "Bench/StartGuest",
    "HostileGarbage": "Hostile/Garbage",
    "HostileUnmapped": "Hostile/Unmapped",
    "HostileStorm": "Hostile/Storm",
    "HostileSpin": "Hostile/Spin",
    "HostileHypercalls": "Hostile/Hypercalls",
    "HostileRegisters": "Hostile/Registers",
    "HostileTraces": "Hostile/Traces",
    "HostileDevices": "Hostile/Devices",
    "HostileLineFeeds": "Hostile/LineFeeds",
    "HostileReset": "Hostile/Reset",
    "HostileContention": "Hostile/Contention",
    "HostileBell": "Hostile/Bell",
    "HostileDisks": "Hostile/Disks",
    "DebugGuest": "Debug",
    "RandomGuest": "Random",
    "PanicGuest": "Failures/Panic",
    "HangGuest": "Failures/Hang",
    // These programs run on the bare emulator and in a machine, so that a test can compare the results.
    "AccessGuest": "Differential/Accesses",
    "InterruptGuest": "Differential/Interrupts",
]

let package = Package(
    name: "Guests",
    products: programs.map { .library(name: $0.key + "Image", type: .static, targets: [$0.key]) },
    targets: [
        .target(name: "GuestHardware", path: "Hardware"),
        .target(name: "GuestSupport", dependencies: ["GuestHardware"], path: "Support"),
        .target(name: "DiskSupport", dependencies: ["GuestHardware", "GuestSupport"], path: "Disks"),
        .target(name: "HostileSupport", dependencies: ["GuestHardware", "GuestSupport"], path: "Hostile/Support"),
    ]
        + programs.map {
            .target(
                name: $0.key, dependencies: ["GuestHardware", "GuestSupport", "HostileSupport", "DiskSupport"],
                path: $0.value)
        }
)
