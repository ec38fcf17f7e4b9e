import ABI
import Entente

extension FakeKernel {
    /// Connects a client of blocks with a server, as a plan does for the manifest's `disks`. Both find the connection
    /// under the name of the peer, and the client's memory for data under the name `window` and under the client's.
    ///
    /// - Parameters:
    ///   - client: the component that submits requests.
    ///   - server: the component that answers them.
    ///   - banks: a bank has 64 slots; 1…4.
    ///   - window: the size of the memory for data, in bytes; a multiple of 4 KiB.
    ///   - events: the events that the client gets, and those that the server gets.
    ///   - bus: devices reach the window by this bus, if the server is a driver.
    public func connectBlocks(
        client: FakeComponent, to server: FakeComponent, banks: Int = 1, window: UInt64 = 1 << 20,
        raising events: (client: Events, server: Events), bus: FakeBus? = nil
    ) {
        let size = BlockConnectionLayout.size(banks: banks)
        let (memory, data) = (FakeMemory(size), FakeMemory(window))
        let (own, theirs) = (client.map(memory), server.map(memory))
        let bell = client.insert(FakeObject(.notification(server.own), .write, badge: events.server.bits))
        client.pages.add(server.name) {
            Resource(
                name: $0, kind: .blockServer, slot: UInt64(bell), address: own, size: size, number: events.client.bits,
                detail: UInt64(banks))
        }
        let window = client.map(data)
        client.pages.add("window") { Resource(name: $0, kind: .window, address: window, size: data.size) }
        let answer = server.insert(FakeObject(.notification(client.own), .write, badge: events.client.bits))
        server.pages.add(client.name) {
            Resource(
                name: $0, kind: .blockClient, slot: UInt64(answer), address: theirs, size: size,
                number: events.server.bits | client.number << 48, detail: UInt64(banks))
        }
        let view = server.map(data)
        // The device sees the window at the server's address of it.
        bus?.add(address: view, size: data.size, place: data.address)
        server.pages.add(client.name) {
            Resource(
                name: $0, kind: .window, address: bus == nil ? view : 0, size: data.size,
                number: bus == nil ? 0 : view, detail: client.number)
        }
    }
}
