import ABI
import HardwareModel
import Testing

@testable import KernelCore

@Suite struct TimerQueueTests {
    private typealias Item = Ref<KernelCore.Notification>

    /// The fixture, which has the memory of the items.
    private let fixture = Fixture()

    private func items(_ count: Int) -> [Item] {
        (0..<count).map { _ in Ref(at: fixture.model.take(KernelCore.Notification.size)) }
    }

    /// Returns the part of the queue that violates the form of a leftist heap, or nil.
    private func shape(_ queue: TimerQueue<KernelCore.Notification>, _ all: [Item]) -> String? {
        var reached = 0
        var rest: [(item: Item, parent: Item?)] = queue.first.map { [($0, nil)] } ?? []
        while let (item, parent) = rest.popLast() {
            reached += 1
            let timer = item.pointee.timer
            let left = timer.left?.pointee.timer.rank ?? 0, right = timer.right?.pointee.timer.rank ?? 0
            guard timer.isArmed, timer.parent == parent else { return "a link is wrong" }
            guard left >= right, timer.rank == right + 1 else {
                return "ranks \(left) and \(right) below \(timer.rank)"
            }
            guard parent == nil || parent!.pointee.timer.deadline <= timer.deadline else { return "the order is wrong" }
            rest += [timer.left, timer.right].compactMap { $0 }.map { ($0, item) }
        }
        let links = all.filter { !$0.pointee.timer.isArmed }.map { $0.pointee.timer }
        guard links.allSatisfy({ $0.parent == nil && $0.left == nil && $0.right == nil }) else {
            return "a link is left"
        }
        return reached == all.filter { $0.pointee.timer.isArmed }.count ? nil : "not all are reached"
    }

    /// Compares the queue with a plain array, which is sorted for each question.
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func soonestIsFirstWhateverComesAndGoes(seed: UInt64) {
        let all = items(60)
        var random = SeededGenerator(seed: seed)
        var queue = TimerQueue<KernelCore.Notification>()
        var expected: [Item] = []
        for _ in 0..<3000 {
            let item = all.randomElement(using: &random)!
            switch Int.random(in: 0..<8, using: &random) {
            case 0..<4:
                queue.insert(item, at: Ticks(UInt64.random(in: 0..<100, using: &random)))
                if !expected.contains(item) { expected.append(item) }
            case 4, 5:
                queue.remove(item)
                expected.removeAll { $0 == item }
            default:
                let now = Ticks(UInt64.random(in: 0..<30, using: &random))
                let due = expected.map { $0.pointee.timer.deadline }.min()
                guard let taken = queue.removeExpired(now) else {
                    #expect(due == nil || due! > now)
                    continue
                }
                #expect(taken.pointee.timer.deadline == due && due! <= now && !taken.pointee.timer.isArmed)
                expected.removeAll { $0 == taken }
            }
            #expect(queue.soonest == expected.map { $0.pointee.timer.deadline }.min() ?? .never)
            #expect(expected.allSatisfy { $0.pointee.timer.isArmed })
            #expect(shape(queue, all) == nil)
        }
        var last = Ticks(0)
        while let item = queue.removeExpired(.never) {
            #expect(item.pointee.timer.deadline >= last)
            last = item.pointee.timer.deadline
            expected.removeAll { $0 == item }
        }
        #expect(expected.isEmpty)
    }

    /// An operation takes as many steps as right sides are long: ten, for a thousand items.
    @Test(arguments: ["rising", "falling", "random"])
    func rightSidesStayShort(order: String) {
        let all = items(1000)
        var random = SeededGenerator(seed: 7)
        var queue = TimerQueue<KernelCore.Notification>()
        for (index, item) in all.enumerated() {
            let deadline: UInt64
            switch order {
            case "rising": deadline = UInt64(index)
            case "falling": deadline = UInt64(1000 - index)
            default: deadline = UInt64.random(in: 0..<1000, using: &random)
            }
            queue.insert(item, at: Ticks(deadline))
        }
        for item in all.shuffled(using: &random).prefix(500) { queue.remove(item) }
        var longest = 0
        for item in all where item.pointee.timer.isArmed {
            var length = 1
            var next = item.pointee.timer.right
            while let item = next {
                length += 1
                next = item.pointee.timer.right
            }
            longest = max(longest, length)
        }
        #expect(longest <= 9 && longest > 0)
    }
}
