/// Decides when the lines of other consoles may stand between those of the attached one.
///
/// While a machine boots all are shown. From its first prompt on a person reads and types there, and nothing may break
/// into that: components' lines are hidden, and root's and the kernel's, which report faults and restarts, wait for an
/// empty prompt.
struct LineFilter {
    enum Verdict: Equatable {
        case show
        /// As soon as an empty prompt stands in the attached console.
        case showAtPrompt
        case hide
    }

    enum Mode: Equatable {
        /// Everything, until the attached machine shows a prompt.
        case booting
        case everything
        /// Faults and restarts only.
        case important
    }

    private(set) var mode = Mode.booting
    /// The user's own choice for single consoles.
    private var isShown: [UInt8: Bool] = [:]

    func verdict(on channel: Channel) -> Verdict {
        if let isShown = isShown[channel.number] { return isShown ? .show : .hide }
        // A machine's lines bear no name that tells them from the attached machine's.
        guard channel.kind != .machine else { return .hide }
        guard mode == .important else { return .show }
        return channel.kind == .component ? .hide : .showAtPrompt
    }

    /// Notes that the attached machine shows a prompt; true the first time.
    mutating func sawPrompt() -> Bool {
        guard mode == .booting else { return false }
        mode = .important
        return true
    }

    /// Shows the lines of all consoles that are not muted, or hides them again; returns whether they are shown now.
    mutating func toggle() -> Bool {
        isShown = isShown.filter { !$0.value }
        mode = mode == .important ? .everything : .important
        return mode == .everything
    }

    /// Hides the lines of one console, or shows them; returns whether they are shown now.
    mutating func toggle(_ channel: Channel) -> Bool {
        let shows = verdict(on: channel) != .show
        isShown[channel.number] = shows
        return shows
    }
}
