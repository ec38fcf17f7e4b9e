import GuestHardware
import GuestSupport
import DiskSupport

/// A machine that only uses its disk. It writes, reads and compares, and says how often.
enum Neighbour {
    private static let sectors: UInt64 = 64

    static func run(_ order: Order) -> Never {
        var random = Random(seed: order.seed)
        guard var session = DiskSession(slot: 0, &random) else { fail("the disk does not start") }
        for sector in 0..<sectors { check(session.write(pattern(0, sector), sector, 1)) }
        var round: UInt64 = 0
        while true {
            round += 1
            for sector in 0..<sectors {
                check(session.read(sector, 1))
                guard session.has(pattern(round - 1, sector), 0) else { fail("a sector has other contents") }
                check(session.write(pattern(round, sector), sector, 1))
            }
            check(session.perform(RequestType.flush, 0, 0))
            write("neighbour: round ")
            write(decimal: round)
            write(", all right")
            endLine()
        }
    }

    private static func pattern(_ round: UInt64, _ sector: UInt64) -> UInt64 { round << 32 | sector << 8 | 0xA5 }

    private static func check(_ trouble: StaticString?) {
        if let trouble { fail(trouble) }
    }

    private static func fail(_ what: StaticString) -> Never {
        write("neighbour: WRONG: ")
        write(what)
        endLine()
        while true { guest_wait_for_interrupt() }
    }
}
