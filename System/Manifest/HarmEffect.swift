/// A way in which one tenant can harm another.
public enum HarmEffect: String, CaseIterable, Sendable, Codable {
    /// The victim stands still, or goes without a service, for as long as the offender likes.
    case stall
    /// The victim's life ends.
    case end
    /// The victim's memory or state, or memory that the victim shares, gets other contents. The loss of data that the
    /// victim has handed over counts as well.
    case change
    /// The offender reads the victim's memory, or memory that the victim shares.
    case read

    /// The word for the sentence "V can be … by O".
    public var participle: String {
        switch self {
        case .stall: "stalled"
        case .end: "ended"
        case .change: "changed"
        case .read: "read"
        }
    }
}

extension HarmEffect {
    /// The effects that a manifest's levels rule out. Reading is not among them, because it fails no safety function.
    static let checked: [HarmEffect] = [.stall, .end, .change]
}
