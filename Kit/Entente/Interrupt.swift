import ABI

/// An interrupt of a device of the board. It raises `events` in this component's own notification, and comes again only
/// when it has been acknowledged: so a device that never stops to interrupt costs no more than the driver allows.
public struct Interrupt: Sendable {
    private let slot: UInt32
    /// Raised in this component's own notification when the device interrupts.
    public let events: Events

    /// The interrupt of the device that the manifest calls `name`, under `devices`. Without one the component stops,
    /// with a line that says so.
    public init(named name: StaticString) {
        guard let interrupt = Interrupt(ifNamed: name) else {
            log("this component drives '\(name)', and its manifest gives it no interrupt of that name (key 'devices')")
            fatalError("no such interrupt")
        }
        self = interrupt
    }

    /// The interrupt of the device that the manifest calls `name`, if it has one.
    public init?(ifNamed name: StaticString) {
        guard let resource = Configuration.resource(.interrupt, named: name) else { return nil }
        slot = UInt32(truncatingIfNeeded: resource.slot)
        events = Events(bits: resource.number)
    }

    /// Lets the interrupt come again. Call it after the device has been told to stop asking for attention, because a
    /// device that still asks interrupts at once.
    @discardableResult
    public func acknowledge() -> Status {
        invoke(.interruptControl, Selector(slot: slot, form: InterruptControl.acknowledge.rawValue)).status
    }
}
