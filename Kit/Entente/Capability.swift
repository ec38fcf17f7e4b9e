import ABI

/// A kind of object that capabilities of a message may name.
public protocol CapabilityKind {}

/// Names a capability that came with a message, or that goes with one. It is a typed parameter of interfaces.
///
/// The type is the sender's claim. Only the kernel knows the capability's kind, and it answers `badCapability` when a
/// peer has sent another one.
public struct Capability<Kind: CapabilityKind>: Parameter, Equatable, Sendable {
    public let slot: UInt32
    /// The rights that a receiver gets.
    public var rights: Rights
    /// The receiver's badge; 0: that of this capability.
    public var badge: UInt64 = 0

    public init(slot: UInt32, rights: Rights = .all, badge: UInt64 = 0) {
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

    /// Gives up a capability that came with a message: its slot can receive another.
    public func release() { ReceivedSlots.release(slot) }
}

/// A portal that leads to a server of this interface.
public enum PortalTo<Interface>: CapabilityKind {}
/// A piece of memory.
public enum Extent: CapabilityKind {}

/// A kernel object with 64 bits, which any core can raise and one thread hears.
public struct Notification: CapabilityKind, Equatable, Sendable {
    public let slot: UInt32
    @inline(__always) public init(slot: UInt32) { self.slot = slot }
    public init(_ capability: Capability<Notification>) { slot = capability.slot }

    /// This component's own notification, which `serve` and `Events.wait` hear until `listen` says otherwise.
    public static var own: Notification { Notification(slot: InitialSlot.notification) }

    /// The further notification of this component that the host tool's plan calls `name`. Without one the component
    /// stops, with a line that says so.
    public init(named name: StaticString) {
        guard let resource = Configuration.resource(.notification, named: name) else {
            log("this component has no notification '\(name)'")
            fatalError("no such notification")
        }
        self.init(of: resource)
    }

    /// The notification that a resource names: a peer's of which this component may raise bits, for example.
    public init(of resource: Resource) { slot = UInt32(truncatingIfNeeded: resource.slot) }

    /// Lets this component's thread hear of this notification, and of no other one, from now on: `Events.wait` and
    /// `serve` wait for its bits. Those of the one before are kept, and `poll` fetches them. A component that may not
    /// manage its thread gets `noRights`, and hears what it heard before.
    public func listen() -> Status {
        invoke(
            .notificationBind, Selector(slot: slot, form: NotificationBind.thread.rawValue),
            Words(UInt64(InitialSlot.thread))
        ).status
    }

    /// Raises bits, or those of the capability's badge if it has one. Never blocks.
    @inline(__always) @discardableResult
    public func raise(_ events: Events = Events(bits: 1)) -> Status { signal(slot, bits: events.bits) }

    /// Fetches and clears the events that are raised.
    @inline(__always) public func poll() -> Events { Events(bits: Entente.poll(slot)) }

    /// Returns a capability for a peer that may raise exactly these events.
    public func capability(raising events: Events) -> Capability<Notification> {
        Capability(slot: slot, rights: .write, badge: events.bits)
    }
}

/// Bits of a notification.
public struct Events: Equatable, Sendable {
    public var bits: UInt64
    @inline(__always) public init(bits: UInt64) { self.bits = bits }

    /// The console driver raises it when input has come, or when the output ring has room again.
    public static var console: Events { Events(bits: 1) }
    /// Returns one of the events that this component may use, 1…63.
    public static func number(_ number: UInt64) -> Events { Events(bits: 1 << (number & 63)) }

    @inline(__always) public func contains(_ other: Events) -> Bool { bits & other.bits != 0 }
    @inline(__always) public func union(_ other: Events) -> Events { Events(bits: bits | other.bits) }

    /// Waits until something is raised in this component's own notification, for a component that serves nobody.
    public static func wait() -> Events {
        let answer = replyWait(ReplyForm.wait)
        return answer.has(.notified) ? Events(bits: answer.tag) : Events(bits: 0)
    }

    /// Lets calls end with `aborted` when one of these events is raised already, or during the call. The events stay
    /// raised, so that the component hears of them afterwards.
    @discardableResult
    public static func abortCalls(on events: Events) -> Status {
        contextControl(InitialSlot.thread, .setAbortMask, Words(events.bits)).status
    }
}

/// The slots in which capabilities land that come with messages.
public enum ReceivedSlots {
    /// Makes two free slots known to the kernel, as far as there are any.
    public static func prepare() {
        let page = MessageMemory.current
        let used = page.usedSlots
        var slots: UInt64 = 0
        var found: UInt64 = 0
        for index in 0..<InitialSlot.receivedCount where used & 1 << UInt64(index) == 0 && found < 2 {
            slots |= UInt64(InitialSlot.firstReceived + index) << (32 * found)
            found += 1
        }
        page.receiveSlots = slots
    }

    static func contains(_ slot: UInt32) -> Bool {
        slot >= InitialSlot.firstReceived && slot < InitialSlot.firstReceived + InitialSlot.receivedCount
    }

    /// Marks the slots of so many capabilities, which have just come, as used.
    /// - Returns: the slots, the first in the low half.
    @inline(never)
    static func land(_ count: Int) -> UInt64 {
        let page = MessageMemory.current
        let slots = page.receiveSlots
        for index in 0..<UInt64(min(count, 2)) {
            let slot = UInt32(truncatingIfNeeded: slots >> (32 * index))
            if contains(slot) { page.usedSlots |= 1 << UInt64(slot - InitialSlot.firstReceived) }
        }
        return slots
    }

    static func release(_ slot: UInt32) {
        guard contains(slot) else { return }
        var status = Status.again
        while status == .again {
            status = invoke(.revoke, Selector(slot: slot, form: RevokeForm.delete.rawValue)).status
        }
        // The slot is empty if the sender has taken the capability back, or is gone.
        if status == .ok || status == .badCapability {
            MessageMemory.current.usedSlots &= ~(1 << UInt64(slot - InitialSlot.firstReceived))
        }
    }
}
