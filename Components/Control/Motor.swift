/// A simulated motor with friction. Speeds are in 1/256 turns per second.
struct Motor {
    private(set) var speed: Int64 = 0

    mutating func run(torque: Int64) { speed += (torque - speed / 4) / 16 }
}

/// A proportional and integral controller, which computes the torque that brings a motor to `target`.
struct SpeedController {
    var target: Int64 = 0
    private var sum: Int64 = 0

    private static let limit: Int64 = 4096

    mutating func torque(at speed: Int64) -> Int64 {
        let error = target - speed
        // The sum is bounded, because it would otherwise grow without end while the motor cannot follow.
        sum = min(max(sum + error, -Self.limit * 64), Self.limit * 64)
        return min(max(error / 2 + sum / 64, -Self.limit), Self.limit)
    }
}
