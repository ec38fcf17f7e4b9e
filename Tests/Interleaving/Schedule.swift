/// A point of a run at which it may go on in more than one way: the number of an access, and the position around it.
struct Point: Hashable, Sendable {
    enum Part: Int, Sendable {
        case before, value, after, blocked
    }
    var step: Int
    var part: Part
}

/// A deviation of a run from its usual course. On the usual course a core goes on until it ends or waits, and each load
/// returns the newest value.
struct Deviation: Hashable, Sendable {
    var point: Point
    /// The core that goes on. For `.value` it is the number of stores by which the load looks back.
    var choice: Int
}

/// The deviations of a run, in its order.
public struct Schedule: Hashable, Sendable, CustomStringConvertible {
    var deviations: [Deviation] = []

    /// `4>1` core 1 goes on before access 4; `4+>1` after it; `4<2` access 4 returns the value two stores older than
    /// the newest; `4?1` core 1 goes on when a core waits or ends. Access 0 is the beginning.
    public var description: String {
        if deviations.isEmpty { return "usual" }
        return deviations.map { "\($0.point.step)\(Self.signs[$0.point.part.rawValue])\($0.choice)" }
            .joined(separator: " ")
    }

    private static let signs = [">", "<", "+>", "?"]

    init(_ deviations: [Deviation] = []) { self.deviations = deviations }

    var returnsOldValues: Bool { deviations.contains { $0.point.part == .value } }

    /// Reads a text. Returns nil if it does not have the form of `description`.
    public init?(_ text: String) {
        guard text != "usual" else { return }
        for word in text.split(separator: " ") {
            let digits = word.prefix { $0.isNumber }
            let number = word.reversed().prefix { $0.isNumber }
            let sign = word.dropFirst(digits.count).dropLast(number.count)
            guard let step = Int(digits), let choice = Int(String(number.reversed())),
                let part = Self.signs.firstIndex(of: String(sign)).flatMap(Point.Part.init)
            else { return nil }
            deviations.append(Deviation(point: Point(step: step, part: part), choice: choice))
        }
    }
}
