import ABI
@testable import Entente
import EntenteTesting
import Testing

/// The table of a component's resources.
@Suite struct ResourceTests {
    private let kernel = FakeKernel()

    @Test func theTableHasAllResourcesInOrder() {
        let (server, other) = (kernel.component("server"), kernel.component("other"))
        let client = kernel.component("client", uses: ["b": server, "a": other], shared: 4096)
        kernel.share("a", size: 8192, between: client, other)
        client.connect("c", to: server)
        client.run {
            let table = Configuration.resources
            #expect(table.count == 4)
            let kinds = (0..<table.count).map { table[$0].kind }
            #expect(kinds == ([.portal, .portal, .sharedMemory, .portal] as [ResourceKind]).map(\.rawValue))
            #expect(Configuration.resources(of: .portal).map(\.number) == [other.number, server.number, server.number])
            #expect(Configuration.resources(of: .sharedMemory).map(\.size) == [8192])
            #expect(Array(Configuration.resources(of: .registers)).isEmpty)
        }
        server.run { #expect(Configuration.resources(of: .caller).map(\.number) == [client.number]) }
    }

    /// A name is unique among the resources of its kind only.
    @Test func aResourceIsFoundByKindAndName() {
        let other = kernel.component("other")
        let client = kernel.component("client", uses: ["a": other, "aa": other], shared: 4096)
        kernel.share("a", size: 8192, between: client, other)
        client.run {
            #expect(Configuration.resource(.sharedMemory, named: "a")?.size == 8192)
            #expect(Configuration.resource(.portal, named: "a")?.number == other.number)
            #expect(Configuration.resource(.portal, named: "aa")?.slot == UInt64(InitialSlot.firstAssigned) + 1)
            #expect(Configuration.resource(.portal, named: "aaa") == nil)
            #expect(Configuration.resource(.sharedMemory, named: "aa") == nil)
        }
    }

    /// Connections to one server have one memory; those to another have another.
    @Test func portalsOfOneServerHaveOneMemory() {
        let (server, other) = (kernel.component("server"), kernel.component("other"))
        let client = kernel.component("client", uses: ["a": server, "b": server, "c": other], shared: 4096)
        client.run {
            let portals = Array(Configuration.resources(of: .portal))
            #expect(portals[0].address == portals[1].address && portals[0].detail == portals[1].detail)
            #expect(portals[0].address != portals[2].address && portals[0].detail != portals[2].detail)
            #expect(Set(portals.map(\.slot)).count == 3)
        }
    }
}
