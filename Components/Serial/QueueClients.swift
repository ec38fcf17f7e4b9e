import Entente
import SerialConsole

/// The clients' consoles. The host tool's plan lists them one behind the other, in the order of their channels from 1
/// on, so that the driver finds client N without a search. Root is client 0.
struct QueueClients: ConsoleClients {
    private let table = Configuration.resources
    private let first: Int
    let count: Int

    init() {
        var (first, count) = (0, 0)
        for index in 0..<table.count where table[index].kind == ResourceKind.consoleClient.rawValue {
            if count == 0 { first = index }
            precondition(
                index == first + count && table[index].number == UInt64(count + 1), "the consoles are not in order")
            count += 1
        }
        self.first = first
        self.count = min(count, ConsoleChannel.maximum - 1)
    }

    private func output(_ client: Int) -> ConsoleQueueEnd { ConsoleQueueEnd(page: table[first + client].address) }
    private func input(_ client: Int) -> ConsoleQueueEnd {
        ConsoleQueueEnd(page: table[first + client].address + ConsoleQueue.size)
    }

    func outputCount(of client: Int) -> UInt32 { output(client).count }
    func take(from client: Int) -> UInt8? { output(client).take() }
    func put(_ byte: UInt8, to client: Int) -> Bool { input(client).put(byte) }
    func putBreak(to client: Int) -> Bool { input(client).putBreak() }
    func wake(_ client: Int) { Notification(of: table[first + client]).raise() }
}
