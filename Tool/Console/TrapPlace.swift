/// The place in the sources that an address stands for, out of what `llvm-symbolizer` says of it.
///
/// The compiler inlines a trap together with the function of the standard library that checks. The first line that is
/// known is then the user's: what lies inside of it was compiled without lines. The innermost frame of a check bears
/// its reason in its name.
struct TrapPlace: CustomStringConvertible {
    /// `User.swift:14:9`: the innermost frame that has a line; nil when none has one.
    private(set) var line: String?
    /// For example `Index out of range`; nil where no check of the compiler's is.
    private(set) var reason: String?
    /// The lines into which that one was inlined, inside out.
    private(set) var callers: [String] = []

    /// More says nothing to a reader.
    private static let maximumCallers = 4
    private static let failure = "Swift runtime failure: "
    /// Functions of the standard library that are there to trap, by what their names hold.
    private static let trapping = ["swift_unexpectedError": "'try!' met an error"]

    /// - Parameter text: for each frame, inside out, a line with the function and one with `FILE:LINE:COLUMN`.
    /// - Returns: nil when nothing is known of the address.
    init?(symbolizer text: String) {
        let lines = text.split(separator: "\n").map(String.init)
        for index in stride(from: 0, to: lines.count - 1, by: 2) {
            let (function, place) = (lines[index], lines[index + 1])
            if reason == nil { reason = Self.reason(in: function) }
            guard Self.isLine(place) else { continue }
            guard line != nil else {
                line = place
                continue
            }
            if callers.count < Self.maximumCallers { callers.append(place) }
        }
        guard line != nil || reason != nil else { return nil }
    }

    private static func reason(in function: String) -> String? {
        if function.hasPrefix(failure) { return String(function.dropFirst(failure.count)) }
        return trapping.first { function.contains($0.key) }?.value
    }

    /// Whether a line is known: `<compiler-generated>:0:0`, `??:0:0` and `User.swift:0:0` say nothing.
    private static func isLine(_ place: String) -> Bool {
        let parts = place.split(separator: ":")
        guard parts.count == 3, let number = Int(parts[1]) else { return false }
        return number > 0 && !place.hasPrefix("<") && !place.hasPrefix("??")
    }

    var description: String {
        let head = [line, reason].compactMap(\.self).joined(separator: ": ")
        return head + callers.map { "\n        called from \($0)" }.joined()
    }
}
