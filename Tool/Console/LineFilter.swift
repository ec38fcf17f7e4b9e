/// Decides if the lines of other consoles may appear between those of the attached one.
///
/// While a machine boots, all of them appear. After its first prompt a person reads and types there, and no line may
/// interrupt that. The lines of components are then hidden. Those of root and the kernel, which report faults and
/// restarts, wait for an empty prompt.
struct LineFilter {
    enum Verdict: Equatable {
        case show
        /// The line appears as soon as the attached console shows an empty prompt.
        case showAtPrompt
        case hide
    }

    enum Mode: Equatable {
        /// All lines appear, until the attached machine shows a prompt.
        case booting
        case everything
        /// Only reports of faults and restarts appear.
        case important
    }

    private(set) var mode = Mode.booting
    /// The user's own choice for single consoles.
    private var isShown: [UInt8: Bool] = [:]

    func verdict(on channel: Channel) -> Verdict {
        if let isShown = isShown[channel.number] { return isShown ? .show : .hide }
        // The lines of a machine have no name in front, so a reader could not tell them from the attached machine's.
        guard channel.kind != .machine else { return .hide }
        guard mode == .important else { return .show }
        return channel.kind == .component ? .hide : .showAtPrompt
    }

    /// Notes that the attached machine shows a prompt. Returns true the first time.
    mutating func sawPrompt() -> Bool {
        guard mode == .booting else { return false }
        mode = .important
        return true
    }

    /// Shows the lines of all consoles that are not muted, or hides them again. Returns true if they now appear.
    mutating func toggle() -> Bool {
        isShown = isShown.filter { !$0.value }
        mode = mode == .important ? .everything : .important
        return mode == .everything
    }

    /// Hides the lines of one console, or shows them. Returns true if they now appear.
    mutating func toggle(_ channel: Channel) -> Bool {
        let shows = verdict(on: channel) != .show
        isShown[channel.number] = shows
        return shows
    }
}
