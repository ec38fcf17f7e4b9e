import ABI
import Entente
import Foundation

/// A stand-in for the kernel on the host. Components are plain objects of a test. The fake has portals between them,
/// notifications, consoles, leases, and a clock that moves only while a component waits for it.
///
///     let kernel = FakeKernel()
///     let counter = kernel.component("counter", serving: Counter())
///     let client = kernel.component("client", uses: ["counter": counter])
///     try client.run { try visit(CounterClient(Portal(named: "counter"))) }
///     #expect(counter.service.total == 3)
///     #expect(client.output.contains("counted to 3"))
///
/// A kernel and its components belong to one test at a time.
public final class FakeKernel: @unchecked Sendable {
    /// The ticks since the start.
    public internal(set) var ticks: UInt64 = 0
    public static let frequency: UInt64 = 62_500_000
    private var deadlines: [Deadline] = []
    private var plans: [(ticks: UInt64, action: () -> Void)] = []
    private var components: UInt64 = 0
    /// The number of shared memories.
    var regions = 0

    public init() {}

    struct Deadline {
        var ticks: UInt64
        var notification: FakeNotification
        var bits: UInt64
    }

    /// Makes a component that serves no interface.
    ///
    /// - Parameters:
    ///   - arguments: the arguments of its manifest.
    ///   - memory: `memory` of its manifest, in bytes.
    ///   - uses: the servers that it may call, by the names in its manifest.
    ///   - shared: `shared` of its manifest, in bytes.
    ///   - devices: the devices of its manifest, by the names there.
    public func component(
        _ name: String, arguments: [UInt64] = [], memory: UInt64 = 64 << 10, uses: [String: FakeComponent] = [:],
        shared: UInt64 = 0, devices: [String: any FakeDevice] = [:]
    ) -> FakeComponent {
        let component = FakeComponent(name, arguments: arguments, memory: memory, shared: shared, kernel: self)
        component.equip(uses, devices)
        return component
    }

    /// Makes a component that serves an interface. The component makes its service itself, after it has all that it
    /// uses.
    public func component<S: Service>(
        _ name: String, serving service: @autoclosure () -> S, arguments: [UInt64] = [], memory: UInt64 = 64 << 10,
        uses: [String: FakeComponent] = [:], shared: UInt64 = 0, devices: [String: any FakeDevice] = [:]
    ) -> FakeServer<S> {
        let component = FakeServer<S>(name, arguments: arguments, memory: memory, shared: shared, kernel: self)
        component.equip(uses, devices)
        component.begin(serving: service)
        return component
    }

    /// Performs an action at a time of the clock, for example types at a console or stops a server.
    public func after(_ interval: Interval, _ action: @escaping () -> Void) {
        plans.append((ticks + FakeKernel.ticks(interval), action))
    }

    /// Advances the clock. Alarms ring on the way, and servers handle them.
    public func advance(by interval: Interval) {
        let end = ticks + FakeKernel.ticks(interval)
        while step(until: end) {}
        ticks = end
    }

    // MARK: For components

    /// Advances to the next alarm or action, unless that comes later than `end`.
    func step(until end: UInt64) -> Bool {
        let alarm = deadlines.indices.min { deadlines[$0].ticks < deadlines[$1].ticks }
        let plan = plans.indices.min { plans[$0].ticks < plans[$1].ticks }
        let alarmTicks = alarm.map { deadlines[$0].ticks } ?? .max
        let planTicks = plan.map { plans[$0].ticks } ?? .max
        guard min(alarmTicks, planTicks) <= end, alarm != nil || plan != nil else { return false }
        ticks = max(ticks, min(alarmTicks, planTicks))
        if let plan, planTicks <= alarmTicks {
            plans.remove(at: plan).action()
        } else if let alarm {
            let due = deadlines.remove(at: alarm)
            due.notification.raise(Events(bits: due.bits))
        }
        return true
    }

    func setDeadline(_ ticks: UInt64?, bits: UInt64, of notification: FakeNotification) {
        deadlines.removeAll { $0.notification === notification }
        if let ticks { deadlines.append(Deadline(ticks: ticks, notification: notification, bits: bits)) }
    }

    /// Returns a new number for a component. No component has 0.
    func nextNumber() -> UInt64 {
        components += 1
        return components
    }

    static func ticks(_ interval: Interval) -> UInt64 {
        UInt64((Double(interval.nanoseconds) * Double(frequency) / 1e9).rounded(.up))
    }
}
