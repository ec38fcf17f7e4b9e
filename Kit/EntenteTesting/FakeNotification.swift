import Entente

/// A notification of a fake component: its own one, or a further one (`FakeComponent.addNotification`).
final class FakeNotification {
    let component: FakeComponent
    /// The events that were raised and that the component has not yet received.
    private(set) var raised = Events(bits: 0)

    init(of component: FakeComponent) { self.component = component }

    func raise(_ events: Events) {
        raised = raised.union(events)
        if component.heard === self { component.hear() }
    }

    func takeRaised() -> Events {
        defer { raised = Events(bits: 0) }
        return raised
    }
}

extension FakeComponent {
    /// Gives the component a further notification, which raises no event by itself. `Alarm(raising:in:)` and
    /// `Notification.listen` use it.
    public func addNotification(_ name: String) {
        let slot = insert(FakeObject(.notification(FakeNotification(of: self)), .all))
        pages.add(name) { Resource(name: $0, kind: .notification, slot: UInt64(slot)) }
    }
}
