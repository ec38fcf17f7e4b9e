import ABI

/// A kind of object that the capabilities of messages can name.
public protocol CapabilityKind {}

/// The name of a capability that came with a message or goes with one. It is a typed parameter of interfaces.
///
/// The type is the sender's claim. Only the kernel knows the capability's kind, and it answers `badCapability` if a
/// peer has sent another kind.
public struct Capability<Kind: CapabilityKind>: Parameter, Equatable, Sendable {
    public let slot: UInt32
    /// The rights that the receiver gets.
    public var rights: Rights
    /// The receiver's badge, or 0 to keep the badge of this capability.
    public var badge: UInt64 = 0

    @_spi(Kernel) public init(slot: UInt32, rights: Rights = .all, badge: UInt64 = 0) {
        self.slot = slot
        self.rights = rights
        self.badge = badge
    }

    public func append(to message: inout OutgoingMessage) {
        message.append(capability: slot, rights: rights, badge: badge)
    }

    public static func take(from message: inout IncomingMessage) -> Capability? {
        message.takeCapability().map { Capability(slot: $0) }
    }

    /// Releases a capability that came with a message, so that its slot can receive another one.
    public func release() { ReceivedSlots.release(slot) }
}

/// A portal that leads to a server of this interface.
public enum PortalTo<Interface>: CapabilityKind {}
/// A piece of memory.
public enum Extent: CapabilityKind {}

/// A kernel object with 64 bits. Any core can raise bits, and one thread waits for them.
public struct Notification: CapabilityKind, Equatable, Sendable {
    public let slot: UInt32
    @_spi(Kernel) @inline(__always) public init(slot: UInt32) { self.slot = slot }
    public init(_ capability: Capability<Notification>) { slot = capability.slot }

    /// This component's own notification. `serve` and `Events.wait` wait for it until `listen` selects another one.
    public static var own: Notification { Notification(slot: InitialSlot.notification) }

    /// Finds the further notification of this component that the host tool's plan calls `name`. Stops the component
    /// with a log line if there is none.
    public init(named name: StaticString) {
        guard let resource = Configuration.resource(.notification, named: name) else {
            log("this component uses the notification '\(name)', but its plan has none of that name")
            fatalError("no such notification")
        }
        self.init(of: resource)
    }

    /// Names the notification of a resource, for example a peer's notification in which this component may raise
    /// bits.
    public init(of resource: Resource) { slot = UInt32(truncatingIfNeeded: resource.slot) }

    /// Lets this component's thread wait for this notification, and for no other one, from now on: `Events.wait` and
    /// `serve` return its bits. The notification before keeps its bits, and `poll` fetches them. Returns `noRights`
    /// and changes nothing if the component may not manage its thread.
    public func listen() -> Status {
        invoke(
            .notificationBind, Selector(slot: slot, form: NotificationBind.thread.rawValue),
            Words(UInt64(InitialSlot.thread))
        ).status
    }

    /// Raises `events`, or the bits of the capability's badge if it has one. Never blocks.
    @inline(__always) @discardableResult
    public func raise(_ events: Events = Events(bits: 1)) -> Status { signal(slot, bits: events.bits) }

    /// Fetches and clears the events that were raised.
    @inline(__always) public func poll() -> Events { Events(bits: Entente.poll(slot)) }

    /// Returns a capability for a peer that may raise exactly these events.
    public func capability(raising events: Events) -> Capability<Notification> {
        Capability(slot: slot, rights: .write, badge: events.bits)
    }
}

/// A set of bits of a notification.
public struct Events: Equatable, Sendable {
    public var bits: UInt64
    @inline(__always) public init(bits: UInt64) { self.bits = bits }

    /// The event of the console driver. The driver raises it when input has come, or when the output ring has room
    /// again.
    public static var console: Events { Events(bits: 1) }
    /// Returns event `number`, 1…63, which the component may use as it likes.
    public static func number(_ number: UInt64) -> Events { Events(bits: 1 << (number & 63)) }

    @inline(__always) public func contains(_ other: Events) -> Bool { bits & other.bits != 0 }
    @inline(__always) public func union(_ other: Events) -> Events { Events(bits: bits | other.bits) }

    /// Waits until an event is raised in this component's own notification. A component that serves calls uses
    /// `serve` instead.
    public static func wait() -> Events {
        let answer = replyWait(ReplyForm.wait)
        return answer.has(.notified) ? Events(bits: answer.tag) : Events(bits: 0)
    }

    /// Lets a call end with `aborted` if one of these events is raised before it or during it. The events stay
    /// raised, so that the component still receives them afterwards.
    @discardableResult
    public static func abortCalls(on events: Events) -> Status {
        contextControl(InitialSlot.thread, .setAbortMask, Words(events.bits)).status
    }
}
