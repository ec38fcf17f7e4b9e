import DiskPool
import Testing

@testable import DiskOrders

@Suite struct OrderLineTests {
    private static func name(_ text: String) -> PoolName { PoolName(Array(text.utf8))! }

    static let orders: [(DiskOrder, String)] = [
        (DiskOrder(token: 7, .hello), "7 hello 0"),
        (DiskOrder(token: .max, .list, boardDisk: 2), "18446744073709551615 list 2"),
        (
            DiskOrder(token: 1, .create(name("a.d"), sectors: 2048, hasChecksums: true), boardDisk: 1),
            "1 create 1 a.d 2048 1"
        ),
        (
            DiskOrder(token: 1, .create(name("a.d"), sectors: 1, hasChecksums: false)), "1 create 0 a.d 1 0"
        ),
        (DiskOrder(token: 1, .snapshot(name("web.root@x"), of: name("web.root"))), "1 snapshot 0 web.root@x web.root"),
        (DiskOrder(token: 1, .clone(name("two words"), of: name("50%"))), "1 clone 0 two%20words 50%25"),
        (DiskOrder(token: 1, .delete(name("-"))), "1 delete 0 %2d"),
        (DiskOrder(token: 1, .delete(name("é\n"))), "1 delete 0 %c3%a9%0a"),
        (DiskOrder(token: 1, .grow(name("--"), sectors: 4096)), "1 grow 0 -- 4096"),
    ]

    @Test func anOrderIsALine() {
        for (order, line) in Self.orders {
            #expect(String(decoding: order.line, as: UTF8.self) == line)
            #expect(DiskOrder(line: Array(line.utf8)) == order)
        }
        let longest = PoolName([UInt8](repeating: 10, count: PoolLayout.maximumName))!
        let order = DiskOrder(token: .max, .clone(longest, of: longest), boardDisk: 255)
        #expect(order.line.count <= DiskOrder.longestLine && DiskOrder(line: order.line) == order)
    }

    @Test func aReplyIsALine() {
        let disk = DiskDescription(
            index: 3, name: Self.name("web.root@a b"), isSnapshot: true, isHidden: false, isDeleting: false,
            hasChecksums: true, sectors: 2048, used: 9, quota: 10, reserved: 11, origin: PoolName(), previous: nil,
            isClone: false, clones: 2)
        var clone = disk
        (clone.isSnapshot, clone.isClone, clone.hasChecksums, clone.origin) = (false, true, false, Self.name("x"))
        let replies: [(DiskReply, String)] = [
            (DiskReply(token: 5, .done), "5 done"), (DiskReply(token: 5, .running), "5 running"),
            (DiskReply(token: 5, .refused(.pool(.exists))), "5 refused 23"),
            (DiskReply(token: 5, .pool(units: 4096, free: 12)), "5 pool 4096 12"),
            (DiskReply(token: 5, .disk(disk, isDamaged: false)), "5 disk 3 5 2048 9 10 11 2 web.root@a%20b -"),
            (DiskReply(token: 5, .disk(clone, isDamaged: true)), "5 disk 3 10 2048 9 10 11 2 web.root@a%20b x"),
        ]
        for (reply, line) in replies {
            #expect(String(decoding: reply.line, as: UTF8.self) == line)
            #expect(DiskReply(line: Array(line.utf8)) == reply)
        }
    }

    @Test func refusalsHaveNumbersOfTheirOwn() {
        let all = (0...300).compactMap { number in DiskRefusal(rawValue: number).map { (number, $0) } }
        #expect(all.count == 4 + 19)
        for (number, refusal) in all { #expect(refusal.rawValue == number) }
    }

    /// Everybody who reaches the console can type there.
    @Test func otherLinesAreNoOrders() {
        let wrong = [
            "", " ", "list", "1", "1 list", "1 list x", "1 list 256", "1 list 0 more", "1  list 0", "x list 0",
            "-1 list 0", "18446744073709551616 list 0", "1 rename 0 a b", "1 create 0 a", "1 create 0 a 1",
            "1 create 0 a 1 2", "1 snapshot 0 a", "1 delete 0", "1 delete 0 %", "1 delete 0 %2", "1 delete 0 %zz",
            "1 delete 0 %00", "1 delete 0 \(String(repeating: "a", count: 65))", "1 grow 0 a b",
            "000000000000000000001 hello 0", "1 hello 0 \(String(repeating: "a", count: 600))",
        ]
        for line in wrong { #expect(DiskOrder(line: Array(line.utf8)) == nil, "\(line)") }
        for line in ["[   1.2] storage: opened", "5 done 1", "5 refused 16", "5 refused 0", "5 disk 3", "5 pool 1"] {
            #expect(DiskReply(line: Array(line.utf8)) == nil, "\(line)")
        }
    }

    @Test func bytesAtRandomDoNoHarm() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            var line = Self.orders.randomElement(using: &random)!.0.line
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                line[Int.random(in: 0..<line.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            // A line that is an order has one form.
            if let order = DiskOrder(line: line) { #expect(DiskOrder(line: order.line) == order) }
            _ = DiskReply(line: line)
        }
    }
}
