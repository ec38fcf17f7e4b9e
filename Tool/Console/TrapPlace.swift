/// The place in the sources that an address stands for, from the output of `llvm-symbolizer`.
///
/// The compiler inlines a trap together with the function of the standard library that checks. The first line with a
/// number is then the user's, because the code inlined into it was compiled without line numbers. The innermost frame
/// of a check has the reason in its name.
struct TrapPlace: CustomStringConvertible {
    /// The innermost frame that has a line, such as `User.swift:14:9`; nil if no frame has one.
    private(set) var line: String?
    /// The reason, for example `Index out of range`; nil if the address belongs to no check of the compiler.
    private(set) var reason: String?
    /// The lines into which that one was inlined, from the inside out.
    private(set) var callers: [String] = []

    /// The number of callers, at most, because further ones do not help a reader.
    private static let maximumCallers = 4
    private static let failure = "Swift runtime failure: "
    /// The texts in the names of functions of the standard library that only trap, with the reasons.
    private static let trapping = ["swift_unexpectedError": "'try!' met an error"]

    /// Reads the frames of an address. Returns nil if the address is unknown.
    ///
    /// - Parameter text: a line with the function and one with `FILE:LINE:COLUMN` for each frame, from the inside out.
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

    /// Returns true for a known line. `<compiler-generated>:0:0`, `??:0:0` and `User.swift:0:0` are none.
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
