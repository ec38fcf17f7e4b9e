import ABI
@_spi(Kernel) import Entente
import Foundation

/// A component of a test, with its capabilities, its pages and its console.
public class FakeComponent: @unchecked Sendable {
    public let name: String
    public let kernel: FakeKernel
    let pages = FakePages()
    var table: [UInt32: FakeObject] = [:]
    /// The events that were raised in its own notification and that it has not yet received.
    public var raised: Events { own.raised }
    private(set) var own: FakeNotification!
    /// The notification for which its thread waits.
    var heard: FakeNotification!
    /// False after `stop`. Calls to it then answer `dead`.
    public private(set) var isAlive = true
    public private(set) var generation: UInt64 = 1
    /// The number of times that it yielded, for example while it waited for room on its console.
    public internal(set) var yields = 0
    /// True after its console has waited in vain for room. A new life begins with false.
    public var hasWaitedInVain = false
    /// True if the console driver takes the output after a signal. A test sets false to make the driver hang.
    public var isOutputTaken = true
    /// The caller's memory while it answers a call.
    var lease: FakeLease?
    /// The devices that it drives, by the address of their registers.
    var devices: [UInt64: (size: UInt64, device: any FakeDevice)] = [:]
    /// The memory that is mapped, by its address.
    var windows: [UInt64: FakeMemory] = [:]
    private var nextWindow: UInt64 = 0x50_0000_0000
    private var nextSlot = InitialSlot.firstAssigned
    private var consoleBytes: [UInt8] = []
    private var abortMask: UInt64 = 0
    /// The number by which its servers know it (`Service.willAnswer`).
    public let number: UInt64
    private let sharedSize: UInt64
    /// The connections of which it is an end. Both ends of a connection share its memory.
    private var sharing: [FakeConnection] = []
    /// The number of calls of `run` that have not returned.
    private(set) var depth = 0
    /// The tick until which it may wait, and the action at that tick.
    private var waitLimit: UInt64 = 0
    private var whenOver: (() -> Void)?

    init(_ name: String, arguments: [UInt64], memory: UInt64, shared: UInt64, kernel: FakeKernel) {
        self.name = name
        self.kernel = kernel
        number = kernel.nextNumber()
        sharedSize = shared
        precondition(arguments.count <= 8, "a component has at most 8 arguments")
        own = FakeNotification(of: self)
        heard = own
        table[InitialSlot.notification] = FakeObject(.notification(own), .all)
        table[InitialSlot.consoleOutput] = FakeObject(.consoleDriver, .write)
        table[InitialSlot.thread] = FakeObject(.thread, .all)
        pages.configure { configuration in
            configuration.name = FakePages.padded(name)
            for (index, argument) in arguments.enumerated() { configuration.arguments[index] = argument }
            configuration.heapSize = memory
            configuration.channel = number + 1
        }
    }

    // MARK: For tests

    /// Runs code as this component, on the caller's thread. It may wait as long as an alarm or an action of `after`
    /// is due. After the last of them `serve` returns, and `Events.wait` returns no events.
    @discardableResult
    public func run<Result>(_ body: () throws -> Result) rethrows -> Result {
        waitLimit = .max
        depth += 1
        defer {
            depth -= 1
            if depth == 0, heard.raised.bits != 0 { hear() }
        }
        return try HostKernel.$current.withValue(self) { try body() }
    }

    /// Runs code that never ends, such as a component's main function, for a time of the fake clock.
    public func run(for interval: Interval, _ body: @escaping () -> Void) {
        let isOver = DispatchSemaphore(value: 0)
        let end = kernel.ticks + FakeKernel.ticks(interval)
        waitLimit = end
        // The thread stays where it waits, because nothing can end code that does not return. It keeps no core busy.
        whenOver = {
            isOver.signal()
            while true { sleep(1 << 20) }
        }
        let work = UncheckedWork {
            HostKernel.$current.withValue(self) { body() }
            isOver.signal()
        }
        let thread = Thread { work.body() }
        thread.stackSize = 1 << 20
        thread.start()
        isOver.wait()
        whenOver = nil
        kernel.ticks = max(kernel.ticks, end)
    }

    /// The whole text that it has written to its console.
    public var output: String {
        drainConsole()
        return String(decoding: consoleBytes, as: UTF8.self)
    }

    /// The lines of its log, without their times.
    public var lines: [String] {
        output.split(separator: "\n").map { line in
            guard line.hasPrefix("["), let end = line.firstIndex(of: "]") else { return String(line) }
            return String(line[line.index(after: end)...].drop { $0 == " " })
        }
    }

    /// Types a text at its console.
    public func type(_ text: String) {
        let input = ConsoleQueueEnd(page: address(ComponentLayout.console + ConsoleQueue.size))
        for byte in text.utf8 { _ = input.put(byte) }
        raise(.console)
    }

    /// Raises events in its own notification.
    public func raise(_ events: Events) { own.raise(events) }

    /// Lets it call `server` by this name.
    @discardableResult
    public func connect(_ name: String, to server: FakeComponent) -> Portal {
        let slot = insert(FakeObject(.portal(server), .write, badge: number))
        let connection = sharedSize > 0 ? connection(to: server) : nil
        pages.add(name) {
            Resource(
                name: $0, kind: .portal, slot: UInt64(slot), address: connection?.addresses.rings ?? 0,
                size: connection?.size ?? 0, number: server.number, detail: connection?.addresses.lives ?? 0)
        }
        return Portal(slot: slot)
    }

    /// Returns the memory that it shares with a server. All connections to one server use the same memory.
    private func connection(to server: FakeComponent) -> FakeConnection {
        if let earlier = sharing.first(where: { $0.client === self && $0.server === server }) { return earlier }
        let connection = FakeConnection(self, server, size: sharedSize)
        sharing.append(connection)
        server.sharing.append(connection)
        return connection
    }

    func equip(_ uses: [String: FakeComponent], _ devices: [String: any FakeDevice]) {
        for (name, server) in uses.sorted(by: { $0.key < $1.key }) { connect(name, to: server) }
        for (number, (name, device)) in devices.sorted(by: { $0.key < $1.key }).enumerated() {
            attach(name, device, raising: .number(48 + UInt64(number)))
        }
    }

    /// Puts an object into the slot that a plan would assign next.
    func insert(_ object: FakeObject) -> UInt32 {
        defer { nextSlot += 1 }
        table[nextSlot] = object
        return nextSlot
    }

    /// Maps memory at an address that a plan could have chosen.
    func map(_ memory: FakeMemory) -> UInt64 {
        defer { nextWindow += (memory.size + 0x20_0000) & ~0x1F_FFFF }
        windows[nextWindow] = memory
        return nextWindow
    }

    /// Ends its life as a fault does: calls answer `dead`, and the rings that it shared are over.
    public func stop() {
        guard isAlive else { return }
        isAlive = false
        for connection in sharing { connection.countDeath(of: self) }
    }

    /// Begins a new life, as a restart does: no event is raised, and the interrupts of its devices are bound anew.
    /// The test restores its state. The memory that it shares keeps its contents.
    public func restart() {
        stop()
        isAlive = true
        generation += 1
        hasWaitedInVain = false
        pages.forgetRings()
        pages.configure { $0.earlierLives += 1 }
        heard = own
        _ = own.takeRaised()
        for (_, device) in devices.values { device.interrupt?.bind() }
    }

    // MARK: For servers

    /// Answers a call that has arrived. Returns nil if it serves no interface.
    func answer(_ call: Answer) -> OutgoingMessage? { nil }

    /// Handles events of the notification for which it waits.
    func hear() {}

    func drainConsole() {
        let queue = ConsoleQueueEnd(page: address(ComponentLayout.console))
        while let byte = queue.take() { consoleBytes.append(byte) }
    }

    func setAbortMask(_ mask: UInt64) { abortMask = mask }
    var isAborting: Bool { heard.raised.bits & abortMask != 0 }

    /// Waits for an event. Returns nil if none will be raised.
    func wait() -> Events? {
        while heard.raised.bits == 0 {
            guard kernel.step(until: waitLimit) else {
                whenOver?()
                return nil
            }
        }
        return heard.takeRaised()
    }
}

/// A component that serves each call as it comes.
public final class FakeServer<S: Service>: FakeComponent, @unchecked Sendable {
    private var present: S?

    /// The service that answers. A test may read and change it.
    public var service: S {
        get { present! }
        _modify { yield &present! }
    }

    func begin(serving service: () -> S) {
        run {
            present = service()
            if S.takesCapabilities { ReceivedSlots.prepare() }
        }
    }

    override func answer(_ call: Answer) -> OutgoingMessage? { run { service.reply(to: call) } }

    /// Handles events, or leaves them until the component has finished its work, as `serve` does.
    override func hear() {
        guard depth == 0 else { return }
        let events = heard.takeRaised()
        run { service.hear(events) }
    }
}

/// The work that another thread does while the first one waits.
private struct UncheckedWork: @unchecked Sendable {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
}
