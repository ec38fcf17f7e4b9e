/// The limits for restarts of a tenant or a group, and its parent. Times are in milliseconds.
public struct SupervisionRecord {
    /// The number of restarts within `span`, 0…16. Root never restarts a part whose limit is 0.
    public var limit: UInt64
    /// The time within which restarts count for `limit`.
    public var span: UInt64
    /// The delay of the first restart within `span`. Each further restart waits twice as long, but never longer than
    /// `backoffLimit`.
    public var backoff: UInt64
    public var backoffLimit: UInt64
    /// The action for a part that dies once more than `limit` allows, as `OnLimit`.
    public var onLimit: UInt64
    /// The parent: 0 for the board, or 1 + the index of a group.
    public var parent: UInt64

    public init(
        limit: UInt64, span: UInt64, backoff: UInt64, backoffLimit: UInt64, onLimit: UInt64, parent: UInt64
    ) {
        (self.limit, self.span, self.backoff, self.backoffLimit) = (limit, span, backoff, backoffLimit)
        (self.onLimit, self.parent) = (onLimit, parent)
    }
}

/// The action for a part that dies once more than its limit allows.
public enum OnLimit: UInt64, Sendable {
    /// Root restarts the whole parent, or treats the parent in the same way if its limit is reached, too.
    case escalate = 0
    /// The part stays stopped, and nothing else happens.
    case stop = 1
}

/// The action of the board for a failure that reaches it by escalation.
public enum OnFailure: UInt64, Sendable {
    /// The failed part stays stopped, and everything else goes on.
    case goOn = 0
    case reset = 1
    case powerOff = 2
}

/// A group of tenants and groups that restart together.
public struct GroupRecord {
    /// The name in UTF-8, padded with zeros.
    public var name: InlineArray<32, UInt8>
    public var supervision: SupervisionRecord

    public init(
        name: InlineArray<32, UInt8>, supervision: SupervisionRecord
    ) {
        (self.name, self.supervision) = (name, supervision)
    }
}
