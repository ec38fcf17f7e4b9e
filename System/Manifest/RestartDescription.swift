import ABI

/// How a machine, a component or a group is restarted when it dies.
public struct RestartDescription: Sendable, Equatable {
    /// Restarts within `window`; 0: none.
    public var limit: Int
    public var window: TimeSpan
    /// How long the first restart of a window waits; each further one waits twice as long.
    public var backoff: TimeSpan
    public var backoffLimit: TimeSpan
    public var onLimit = OnLimit.escalate

    /// A program that crashes at every start is given up after some three seconds; one that crashes now and then never
    /// is.
    public static let tenant = RestartDescription(
        limit: 5, window: TimeSpan(milliseconds: 10_000), backoff: TimeSpan(milliseconds: 100),
        backoffLimit: TimeSpan(milliseconds: 5000))

    /// Wider than a member's: it sees a death only when a member has used up its own restarts.
    public static let group = RestartDescription(
        limit: 3, window: TimeSpan(milliseconds: 60_000), backoff: TimeSpan(milliseconds: 1000),
        backoffLimit: TimeSpan(milliseconds: 10_000))

    public init(
        limit: Int, window: TimeSpan, backoff: TimeSpan, backoffLimit: TimeSpan, onLimit: OnLimit = .escalate
    ) {
        self.limit = limit
        self.window = window
        self.backoff = backoff
        self.backoffLimit = backoffLimit
        self.onLimit = onLimit
    }

    static let limits = 0...16
    static let times = TimeSpan(milliseconds: 0)...TimeSpan(milliseconds: 24 * 60 * 60_000)

    /// The least time between the first restart of a window and the death that is one too many, if each life lasts at
    /// least `life`.
    func shortestWay(toLimitOfLives life: TimeSpan = TimeSpan(milliseconds: 0)) -> TimeSpan {
        var (sum, delay) = (UInt64(0), min(backoff, backoffLimit).milliseconds)
        for _ in 0..<limit {
            sum += delay + life.milliseconds
            delay = min(delay * 2, backoffLimit.milliseconds)
        }
        return TimeSpan(milliseconds: sum)
    }
}

/// Machines, components and groups that restart together.
public struct GroupDescription: Sendable, Equatable {
    public var name: String
    /// Names; each belongs to one group at most.
    public var members: [String]
    public var restart = RestartDescription.group

    public init(name: String, members: [String]) {
        self.name = name
        self.members = members
    }
}
