import ABI

/// An interrupt of a device of the board. It raises `events` in this component's own notification. It comes again
/// only after `acknowledge`, so that a device which interrupts without pause takes no more time than the driver
/// allows.
public struct Interrupt: Sendable {
    private let slot: UInt32
    /// The events that the interrupt raises in this component's own notification.
    public let events: Events

    /// Finds the interrupt of the device that the manifest calls `name`, under `devices`. Stops the component with a
    /// log line if there is none.
    public init(named name: StaticString) {
        guard let interrupt = Interrupt(ifNamed: name) else {
            log(
                "this component uses the interrupt of '\(name)', but its manifest gives it no such interrupt (key 'devices')"
            )
            fatalError("no such interrupt")
        }
        self = interrupt
    }

    /// Finds the interrupt of the device that the manifest calls `name`. Returns nil if there is none.
    public init?(ifNamed name: StaticString) {
        guard let resource = Configuration.resource(.interrupt, named: name) else { return nil }
        self.init(of: resource)
    }

    /// Uses the interrupt of a resource of this component.
    public init(of resource: Resource) {
        slot = UInt32(truncatingIfNeeded: resource.slot)
        events = Events(bits: resource.number)
    }

    /// Lets the interrupt come again. The driver first tells the device to stop interrupting, because otherwise the
    /// interrupt comes again at once.
    @discardableResult
    public func acknowledge() -> Status {
        invoke(.interruptControl, Selector(slot: slot, form: InterruptControl.acknowledge.rawValue)).status
    }
}
