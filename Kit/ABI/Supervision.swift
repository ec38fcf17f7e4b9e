/// How a tenant or a group is restarted, and who is its parent. Times in milliseconds.
public struct SupervisionRecord {
    /// Restarts within `window`, 0…16; 0: never restarted.
    public var limit: UInt64
    public var window: UInt64
    /// The first restart of a window waits so long, each further one twice as long, none longer than `backoffLimit`.
    public var backoff: UInt64
    public var backoffLimit: UInt64
    /// `OnLimit`.
    public var onLimit: UInt64
    /// 0: the board; else 1 + the index of a group.
    public var parent: UInt64

    public init(
        limit: UInt64, window: UInt64, backoff: UInt64, backoffLimit: UInt64, onLimit: UInt64, parent: UInt64
    ) {
        (self.limit, self.window, self.backoff, self.backoffLimit) = (limit, window, backoff, backoffLimit)
        (self.onLimit, self.parent) = (onLimit, parent)
    }
}

/// What happens to a part that dies once more than its limit allows.
public enum OnLimit: UInt64, Sendable {
    /// Its parent restarts as a whole, or is beyond its own limit.
    case escalate = 0
    /// It stays stopped; nothing else happens.
    case stop = 1
}

/// What the board does when an escalation reaches it.
public enum OnFailure: UInt64, Sendable {
    /// What escalated stays stopped, everything else goes on.
    case goOn = 0
    case reset = 1
    case powerOff = 2
}

/// Tenants and groups that restart together.
public struct GroupRecord {
    /// UTF-8, padded with zeros.
    public var name: InlineArray<32, UInt8>
    public var supervision: SupervisionRecord

    public init(
        name: InlineArray<32, UInt8>, supervision: SupervisionRecord
    ) {
        (self.name, self.supervision) = (name, supervision)
    }
}
