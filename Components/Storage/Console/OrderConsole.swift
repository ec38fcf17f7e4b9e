import DiskControl
import DiskOrders
import DiskPool
import Entente

/// Reads orders from the console, performs them, and writes the replies.
struct OrderConsole {
    private let console = Console()
    private let storage = DiskControlClient(named: "storage")
    private let alarm = Alarm(raising: .number(1))
    private var line: [UInt8] = []
    /// True while the rest of a line that is too long to be an order passes.
    private var isTooLong = false

    /// The time between two questions whether an order is done.
    private static var pause: Interval { .milliseconds(2) }
    /// The number of such pauses between two replies that the order is still under way.
    private static var pausesInReply: Int { 500 }

    /// Performs the orders whose lines are complete.
    mutating func performOrders() {
        while let byte = console.take() {
            if byte == 0x0A || byte == 0x0D {
                let whole = line
                let isOrder = !isTooLong
                line.removeAll(keepingCapacity: true)
                isTooLong = false
                if !whole.isEmpty, isOrder { perform(whole) }
            } else if line.count < DiskOrder.longestLine {
                line.append(byte)
            } else {
                isTooLong = true
            }
        }
    }

    private func perform(_ line: [UInt8]) {
        guard let order = DiskOrder(line: line) else { return reply(0, .refused(.malformed)) }
        do throws(CallError<DiskControlError>) {
            switch order.verb {
            case .hello: return reply(order.token, .done)
            case .list: try list(order)
            default: try wait(for: try begin(order), order.token)
            }
            reply(order.token, .done)
        } catch {
            reply(order.token, .refused(DiskRefusal(error)))
        }
    }

    private func list(_ order: DiskOrder) throws(CallError<DiskControlError>) {
        let pool = try storage.pool(order.boardDisk)
        reply(order.token, .pool(units: pool.units, free: pool.free))
        var index: UInt64 = 0
        while true {
            let entry: DiskControlEntry
            do throws(CallError<DiskControlError>) {
                entry = try storage.next(index, order.boardDisk)
            } catch {
                if error == .failed(.end) { return }
                throw error
            }
            if let disk = DiskDescription(entry) { reply(order.token, .disk(disk, isDamaged: entry.isDamaged)) }
            index = entry.index + 1
        }
    }

    /// Begins an operation. Returns its ticket.
    private func begin(_ order: DiskOrder) throws(CallError<DiskControlError>) -> UInt64 {
        let boardDisk = order.boardDisk
        switch order.verb {
        case .hello, .list: throw .malformed
        case .create(let name, let sectors, let hasChecksums):
            return try storage.create(ShortText(name), sectors, hasChecksums, boardDisk)
        case .snapshot(let name, let origin):
            return try storage.snapshot(ShortText(name), ShortText(origin), boardDisk)
        case .clone(let name, let origin):
            return try storage.clone(ShortText(name), ShortText(origin), boardDisk)
        case .delete(let name): return try storage.delete(ShortText(name), boardDisk)
        case .grow(let name, let sectors): return try storage.grow(ShortText(name), sectors, boardDisk)
        }
    }

    /// Waits until an operation has ended.
    private func wait(for ticket: UInt64, _ token: UInt64) throws(CallError<DiskControlError>) {
        var pauses = 0
        while !(try storage.isDone(ticket)) {
            pauses += 1
            if pauses % Self.pausesInReply == 0 { reply(token, .running) }
            rest()
        }
    }

    private func rest() {
        alarm.set(after: Self.pause)
        // Input of the console raises an event, too, and is read after this order.
        while !Events.wait().contains(alarm.events) {}
    }

    private func reply(_ token: UInt64, _ content: DiskReply.Content) {
        let line = DiskReply(token: token, content).line
        // The console's driver takes bytes at the speed of the serial line. It takes none while it is dead.
        while !console.hasRoom(for: line.count + 2) {
            console.flush()
            rest()
        }
        for byte in line { console.write(byte) }
        console.write("\n")
        console.flush()
    }
}

extension DiskRefusal {
    init(_ error: CallError<DiskControlError>) {
        switch error {
        case .failed(let reason): self = DiskRefusal(reason)
        case .dead, .aborted, .refused, .malformed, .kernel: self = .unknown
        }
    }

    private init(_ error: DiskControlError) {
        self =
            switch error {
            case .busy: .busy
            case .isInUse: .isInUse
            // The next life of the storage component knows no ticket of its life before.
            case .noSuchTicket: .unknown
            case .end: .malformed
            case .noSuchDisk: .pool(.noSuchDisk)
            case .exists: .pool(.exists)
            case .badName: .pool(.badName)
            case .neededByClone: .pool(.neededByClone)
            case .noSpace: .pool(.poolFull)
            case .tooLarge: .pool(.tooLarge)
            case .readOnly: .pool(.readOnly)
            case .device: .pool(.device)
            case .noRecord: .pool(.noRecord)
            case .isSnapshot: .pool(.isSnapshot)
            case .shrinks: .pool(.shrinks)
            case .damaged: .pool(.damaged)
            }
    }
}

extension ShortText {
    init(_ name: PoolName) {
        self.init()
        for index in 0..<PoolLayout.maximumName where name.byte(index) != 0 { append(name.byte(index)) }
    }
}

extension PoolName {
    /// Makes a name of a text; the empty name of an empty text.
    fileprivate init?(_ text: ShortText) {
        guard text.count > 0 else {
            self.init()
            return
        }
        var bytes: [UInt8] = []
        for index in 0..<text.count { bytes.append(text[index]) }
        self.init(bytes)
    }
}

extension DiskDescription {
    fileprivate init?(_ entry: DiskControlEntry) {
        guard let name = PoolName(entry.name), let origin = PoolName(entry.origin) else { return nil }
        self.init(
            index: Int(truncatingIfNeeded: entry.index), name: name, isSnapshot: entry.kind == .snapshot,
            isHidden: false, isDeleting: false, hasChecksums: entry.hasChecksums, sectors: entry.sectors,
            used: UInt32(truncatingIfNeeded: entry.usedUnits), quota: UInt32(truncatingIfNeeded: entry.quota),
            reserved: UInt32(truncatingIfNeeded: entry.reserved), origin: origin, previous: nil,
            isClone: entry.kind == .clone, clones: Int(truncatingIfNeeded: entry.clones))
    }
}
