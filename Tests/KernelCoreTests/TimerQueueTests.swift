import ABI
import MachineModel
import Testing

@testable import KernelCore

@Suite struct TimerQueueTests {
    private typealias Item = Ref<KernelCore.Notification>

    /// Has the memory of the items.
    private let bench = Bench()

    private func items(_ count: Int) -> [Item] {
        (0..<count).map { _ in Ref(at: bench.model.take(KernelCore.Notification.size)) }
    }

    /// Against a plain array, which is sorted anew for each question.
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
        }
        var last = Ticks(0)
        while let item = queue.removeExpired(.never) {
            #expect(item.pointee.timer.deadline >= last)
            last = item.pointee.timer.deadline
            expected.removeAll { $0 == item }
        }
        #expect(expected.isEmpty)
    }

    /// An operation takes as many steps as right sides are long: ten, for a thousand.
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
