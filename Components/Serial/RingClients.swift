import ABI
import Entente
import SerialConsole

/// The clients' rings, as root mapped them; root itself is client 0.
struct RingClients: ConsoleClients {
    let count: Int

    init(count: Int) { self.count = min(count, ConsoleChannel.maximum) }

    private func page(_ client: Int) -> UInt64 { ComponentLayout.console + UInt64(client + 1) * 2 * ConsoleRing.size }
    private func output(_ client: Int) -> RingEnd { RingEnd(page: page(client)) }
    private func input(_ client: Int) -> RingEnd { RingEnd(page: page(client) + ConsoleRing.size) }

    func outputCount(of client: Int) -> UInt32 { output(client).count }
    func take(from client: Int) -> UInt8? { output(client).take() }
    func put(_ byte: UInt8, to client: Int) -> Bool { input(client).put(byte) }
    func wake(_ client: Int) { signal(InitialSlot.firstConsoleInput + UInt32(client)) }
}
