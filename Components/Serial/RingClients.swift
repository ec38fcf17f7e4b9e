import ABI
import Entente
import SerialConsole

/// The clients' rings, as root mapped them; root itself is client 0.
struct RingClients: ConsoleClients {
    let count: Int

    private let first: Int

    init() {
        var (first, count) = (0, 0)
        for index in 0..<Configuration.resources.count where Configuration.resources[index].kind == ResourceKind.consoleClient.rawValue {
            if count == 0 { first = index }
            count += 1
        }
        (self.first, self.count) = (first, min(count, ConsoleChannel.maximum))
    }

    private func page(_ client: Int) -> UInt64 { Configuration.resources[first + client].address }
    private func output(_ client: Int) -> RingEnd { RingEnd(page: page(client)) }
    private func input(_ client: Int) -> RingEnd { RingEnd(page: page(client) + ConsoleRing.size) }

    func outputCount(of client: Int) -> UInt32 { output(client).count }
    func take(from client: Int) -> UInt8? { output(client).take() }
    func put(_ byte: UInt8, to client: Int) -> Bool { input(client).put(byte) }
    func wake(_ client: Int) { signal(UInt32(Configuration.resources[first + client].slot)) }
}
