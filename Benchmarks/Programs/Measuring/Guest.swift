import ABI
@_spi(Kernel) import Entente
import RuntimeSupport

// A guest that executes the code of the measuring program at EL1, with the MMU off, and gets its task by a page that
// it shares with its monitor and the client.

/// The addresses that every guest has.
public enum GuestPlace {
    /// A page that the guest, its monitor and the client share, at the same address.
    @inlinable public static var exchange: UInt64 { 0x50_0000_0000 }
    @inlinable public static var stackTop: UInt64 { 0x51_0000_0000 }
    /// A store here ends the task.
    @inlinable public static var end: UInt64 { 0x0B00_0000 }
}

/// The offsets in the exchange page.
public enum Exchange {
    @inlinable public static var task: UInt64 { 0 }
    /// The ticks that the guest has measured.
    @inlinable public static var ticks: UInt64 { 8 }
    /// A time that the guest has noted.
    @inlinable public static var stamp: UInt64 { 16 }

    @inlinable @inline(__always)
    public static func read(_ offset: UInt64) -> UInt64 { entente_read64(GuestPlace.exchange + offset) }
    @inlinable @inline(__always)
    public static func write(_ offset: UInt64, _ value: UInt64) { entente_write64(GuestPlace.exchange + offset, value) }
}

/// A virtual CPU in a space of its own.
public struct Guest {
    public let virtualCPU: UInt32
    public let space: UInt32
    private let entry: UInt64
    private let role: UInt64

    /// - Parameters:
    ///   - page: the exchange page.
    ///   - portal: the portal of its monitor.
    ///   - heard: the notification of the client, which hears that the guest has ended its task.
    ///   - role: the task with which the program's thread entry is called in the guest.
    ///   - parameter: the parameter with which the space is created.
    public init(
        _ factory: inout ObjectFactory, _ page: UInt32, _ portal: UInt32, _ heard: UInt32, role: UInt64,
        parameter: UInt64
    ) {
        self.role = role
        space = factory.create(.addressSpace, parameter)
        virtualCPU = factory.create(.virtualCPU)
        entry = factory.mapProgram(into: space, of: RootSlot.firstRegion)
        factory.map(page, into: space, GuestPlace.exchange, size: 4096, .write)
        let stack = factory.create(.extent, 16384)
        factory.map(stack, into: space, GuestPlace.stackTop - 16384, size: 16384, .write)
        let time = factory.schedulingContext(priority: 5)
        let words = Words(UInt64(space), 0, UInt64(portal), UInt64(time), 0)
        require(contextControl(virtualCPU, .configure, words), "configure a virtual CPU")
        require(contextControl(virtualCPU, .bindStopped, Words(UInt64(heard), 1)), "bind the end of a task")
    }

    /// The number of the virtual CPU's exits by accesses to memory.
    public var memoryExits: UInt64 {
        readRegister(virtualCPU, RegisterNumber.counters + UInt64(ExitCounter.memory.rawValue))
    }

    public func bind(_ address: UInt64, to notification: UInt32, _ match: DoorbellMatch = .every) {
        let words = Words(address, UInt64(notification), 1, match.bits)
        require(invoke(.doorbell, Selector(slot: space), words), "bind a doorbell")
    }

    public func start(_ task: UInt64) {
        Exchange.write(Exchange.task, task)
        writeRegisters(virtualCPU, first: 0, count: 2, role, role)
        writeRegisters(virtualCPU, first: RegisterNumber.programCounter, count: 1, entry)
        writeRegisters(virtualCPU, first: RegisterNumber.privilegedStackPointer, count: 1, GuestPlace.stackTop)
        require(contextControl(virtualCPU, .start), "start a virtual CPU")
    }

    /// Waits until the monitor has ended the task.
    public func awaitEnd() {
        while contextControl(virtualCPU, .status).words.w0 != ContextStatus.stopped.rawValue {
            _ = replyWait(ReplyForm.wait)
        }
    }

    public func perform(_ task: UInt64) {
        start(task)
        awaitEnd()
    }
}
