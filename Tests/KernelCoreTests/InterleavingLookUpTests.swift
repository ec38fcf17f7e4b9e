import ABI
import Interleaving
import HardwareModel
import Testing

@testable import KernelCore

/// One core empties and fills a slot while another one looks it up without the lock. Kind and rights belong to the
/// object and the badge that come with them.
@Suite struct InterleavingLookUpTests {
    private let scenario = KernelScenario(cores: 2)
    private let slot: UInt32
    private let node: Ref<Capability>
    private let parent: Ref<Capability>
    private let objects: [PhysicalAddress]
    private let found = Results()

    private final class Results {
        var values: [(object: PhysicalAddress, word: UInt64)] = []
    }

    init() {
        let fixture = scenario.fixture
        slot = fixture.freeSlot()
        node = fixture.slot(slot)
        parent = fixture.slot(fixture.region)
        objects = (0...2).map { _ in fixture.slot(fixture.create(.notification)).pointee.object }
        scenario.name(node, "slot")
        // The capability that is put into the slot here is no child of the one that it stands for.
        scenario.checksInvariants = false
        let found = found
        scenario.atStart = { found.values = [] }
    }

    private func fill(_ number: Int, _ kind: ObjectKind = .notification, _ rights: Rights = .all) {
        let value = CapabilityValue(
            kind: kind, rights: rights, isDevice: false, object: objects[number], word: UInt64(number))
        K.publish(value, in: node, under: parent)
    }

    /// Lets core 0 empty the slot and fill it, for each of these values.
    private func refill(_ values: [(Int, ObjectKind, Rights)]) {
        scenario.fixture.model.cores[0].run { fill(0, values[0].1, values[0].2) }
        scenario.body(0) { core in
            core.enter { _ in
                for (number, kind, rights) in values.dropFirst() {
                    try? K.exclusively { () throws(Failure) in
                        K.erase(node)
                        fill(number, kind, rights)
                    }
                }
            }
        }
    }

    private func lookUp(_ kind: ObjectKind, _ rights: Rights) {
        scenario.body(1) { core in
            core.enter { _ in
                for _ in 0..<2 {
                    guard let found = try? K.find(scenario.fixture.root, Selector(slot: slot), kind, rights) else {
                        continue
                    }
                    self.found.values.append((found.object, found.word))
                }
            }
        }
    }

    private func check(_ allowed: [Int]) -> String? {
        for (object, word) in found.values {
            guard let number = allowed.first(where: { objects[$0] == object }) else {
                return "an object without its rights"
            }
            guard word == UInt64(number) else { return "object \(number) with the badge \(word)" }
        }
        return nil
    }

    @Test func aLookUpFindsAllOfOneCapability() {
        refill([(0, .notification, .all), (1, .notification, .all), (2, .notification, .all)])
        lookUp(.notification, .write)
        scenario.explore(.deep) { [self] in check([0, 1, 2]) }
    }

    @Test func aLookUpFindsNoObjectWithRightsOfAnother() {
        refill([(0, .notification, .all), (1, .notification, .read), (2, .notification, .all)])
        lookUp(.notification, .write)
        scenario.explore { [self] in check([0, 2]) }
    }

    @Test func aLookUpFindsNoObjectAsOneOfAnotherKind() {
        refill([(0, .portal, .all), (1, .notification, .all), (2, .portal, .all)])
        lookUp(.portal, .write)
        scenario.explore { [self] in check([0, 2]) }
    }

    /// `findContext` looks for either of two kinds.
    @Test(arguments: [2, 3]) func aContextIsFoundWithItsOwnRights(count: Int) {
        refill(Array([(0, .thread, .all), (1, .thread, .read), (2, .virtualCPU, .all)].prefix(count)))
        scenario.body(1) { core in
            core.enter { _ in
                for _ in 0..<2 {
                    guard let found = try? K.findContext(scenario.fixture.root, slot) else { continue }
                    let number = objects.firstIndex(of: found.address).map(UInt64.init) ?? .max
                    self.found.values.append((found.address, number))
                }
            }
        }
        scenario.explore(.deep) { [self] in check([0, 2]) }
    }

    /// A core that was told that the slot is empty, or of its new contents, does not find the old contents.
    @Test func aLookUpAfterTheRemovalFindsNothing() {
        let told = Ref<KernelCore.Notification>(at: objects[2])
        scenario.fixture.model.cores[0].run { fill(0) }
        scenario.body(0) { core in
            core.enter { _ in try? K.exclusively { () throws(Failure) in K.erase(node) } }
            told.pointee.bits.store(1)
        }
        scenario.body(1) { core in
            core.enter { _ in
                let isTold = told.pointee.bits.load() != 0
                let found = try? K.find(scenario.fixture.root, Selector(slot: slot), .notification, .write)
                if isTold, let found { self.found.values.append((found.object, found.word)) }
            }
        }
        scenario.explore { [self] in found.values.isEmpty ? nil : "found what was removed" }
    }
}
