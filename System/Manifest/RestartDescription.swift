import ABI

/// The policy for restarts of a machine, a component or a group that dies.
public struct RestartDescription: Sendable, Equatable {
    /// The number of restarts within `span`; 0 for none.
    public var limit: Int
    /// The time within which restarts count for `limit`.
    public var span: TimeSpan
    /// The delay of the first restart within `span`. Each further one waits twice as long.
    public var backoff: TimeSpan
    public var backoffLimit: TimeSpan
    public var onLimit = OnLimit.escalate

    /// The default for a tenant. Root stops a program that crashes at every start after about three seconds, and
    /// never one that crashes now and then.
    public static let tenant = RestartDescription(
        limit: 5, span: TimeSpan(milliseconds: 10_000), backoff: TimeSpan(milliseconds: 100),
        backoffLimit: TimeSpan(milliseconds: 5000))

    /// The default for a group. It is wider than a member's, because the group counts a death only after a member has
    /// used up its own restarts.
    public static let group = RestartDescription(
        limit: 3, span: TimeSpan(milliseconds: 60_000), backoff: TimeSpan(milliseconds: 1000),
        backoffLimit: TimeSpan(milliseconds: 10_000))

    public init(
        limit: Int, span: TimeSpan, backoff: TimeSpan, backoffLimit: TimeSpan, onLimit: OnLimit = .escalate
    ) {
        self.limit = limit
        self.span = span
        self.backoff = backoff
        self.backoffLimit = backoffLimit
        self.onLimit = onLimit
    }

    static let limits = 0...16
    static let times = TimeSpan(milliseconds: 0)...TimeSpan(milliseconds: 24 * 60 * 60_000)

    /// Returns the least time between the first restart within `span` and the death beyond the limit, if each
    /// life lasts at least `life`.
    func shortestWay(toLimitOfLives life: TimeSpan = TimeSpan(milliseconds: 0)) -> TimeSpan {
        var (sum, delay) = (UInt64(0), min(backoff, backoffLimit).milliseconds)
        for _ in 0..<limit {
            sum += delay + life.milliseconds
            delay = min(delay * 2, backoffLimit.milliseconds)
        }
        return TimeSpan(milliseconds: sum)
    }
}

/// A group of machines, components and groups that restart together.
public struct GroupDescription: Sendable, Equatable {
    public var name: String
    /// The names of its members. Each of them belongs to one group at most.
    public var members: [String]
    public var restart = RestartDescription.group

    public init(name: String, members: [String]) {
        self.name = name
        self.members = members
    }
}
