import GuestHardware
import GuestSupport
import DiskSupport
import HostileSupport

/// Attacks the virtual disks of its machine, and all other devices besides. Between the attacks it uses the disks as a
/// driver should, and compares what it reads.
///
/// Disk 0 is the victim. Disk 1 keeps the number of lives of the machine, and data of earlier lives, which must stay as
/// they are. After some rounds the machine resets itself in the middle of an attack, and goes on with the next seed.
@c(guest_main)
public func guestMain(_ deviceTree: UInt64) {
    SerialPort.initialize()
    InterruptController.initialize()
    let order = Order(deviceTree: deviceTree)
    if order.behaves { Neighbour.run(order) }
    var fuzzer = Fuzzer(order)
    fuzzer.run()
}

struct Fuzzer {
    private let order: Order
    private var random: Random
    private var tally = Tally()
    private var life: UInt64 = 0
    private var round: UInt64 = 0

    init(_ order: Order) {
        self.order = order
        random = Random(seed: order.seed)
    }

    mutating func run() -> Never {
        SecondProcessor.boot()
        calm()
        beginLife()
        while true {
            round += 1
            attack()
            calm()
            useDisks()
            report()
            if round == order.rounds { endLife() }
        }
    }

    // MARK: Attacks

    private mutating func attack() {
        for _ in 0..<8 {
            switch random.next(below: 4) {
            case 0: RegisterAttack.disks(&tally, &random, times: 100)
            case 1:
                RegisterAttack.others(&tally, &random, times: 100)
                calm()
            default:
                for _ in 0..<4 {
                    var attack = QueueAttack(&tally, &random)
                    attack.run(&tally, &random)
                }
            }
        }
    }

    /// Ends this life while the device and the second processor work.
    private mutating func endLife() -> Never {
        let systemReset: UInt64 = 0x8400_0009
        RegisterAttack.others(&tally, &random, times: 20)
        calm()
        _ = QueueAttack(&tally, &random)
        SecondProcessor.start(random.next())
        _ = guest_firmware_call(systemReset, 0, 0, 0)
        fail("the machine goes on after its reset")
    }

    private func calm() {
        // An attempt leaves the interface of interrupts in a known state.
        Attempt.run(0xD503_201F)
        SerialPort.initialize()
        InterruptCalm.calmDistributor()
        InterruptCalm.calm(InterruptController.redistributor)
        SecondProcessor.calm()
        InterruptController.initialize()
    }

    // MARK: The use between attacks

    private mutating func useDisks() {
        guard var victim = DiskSession(slot: 0, &random) else { fail("disk 0 does not start") }
        check(victim.exercise(&random, from: 0, sectors: 8192, times: 3), "disk 0")
        tally.verified += victim.verified
        guard var notes = DiskSession(slot: 1, &random) else { fail("disk 1 does not start") }
        check(notes.exercise(&random, from: 4096, sectors: 4096, times: 1), "disk 1")
        tally.verified += notes.verified
    }

    private static let magic: UInt64 = 0x1F55_7A5C_0000_0000

    /// Counts the life on disk 1, and compares the data of the lives before.
    private mutating func beginLife() {
        guard var notes = DiskSession(slot: 1, &random) else { fail("disk 1 does not start") }
        check(notes.read(0, 1), "disk 1")
        let word = guest_load64(notes.disk.data(0))
        life = word & 0xFFFF_FFFF_0000_0000 == Fuzzer.magic ? word & 0xFFFF_FFFF : 0
        for earlier in max(life, 16) - 16..<life {
            check(notes.read(8 + earlier % 1024, 1), "disk 1")
            guard notes.has(order.seed &+ earlier, 0) else { fail("disk 1 has lost data of an earlier life") }
        }
        check(notes.write(order.seed &+ life, 8 + life % 1024, 1), "disk 1")
        check(notes.perform(RequestType.flush, 0, 0), "disk 1")
        for place in stride(from: 0 as UInt64, to: 512, by: 8) {
            guest_store64(notes.disk.data(0) + place, Fuzzer.magic | life + 1)
        }
        check(notes.perform(RequestType.write, 0, 1), "disk 1")
        check(notes.perform(RequestType.flush, 0, 0), "disk 1")
        random = Random(seed: order.seed &+ life)
    }

    // MARK: Reports

    private func check(_ trouble: StaticString?, _ disk: StaticString) {
        guard let trouble else { return }
        write("hostile: disks ")
        write(disk)
        write(": ")
        fail(trouble)
    }

    private func fail(_ what: StaticString) -> Never {
        SerialPort.initialize()
        write("hostile: disks WRONG: ")
        write(what)
        write(", seed ")
        write(decimal: order.seed &+ life)
        write(" round ")
        write(decimal: round)
        endLine()
        while true { guest_wait_for_interrupt() }
    }

    private func report() {
        endLine()
        write("hostile: disks seed ")
        write(decimal: order.seed &+ life)
        write(" round ")
        write(decimal: round)
        write(": verified ")
        write(decimal: tally.verified)
        write(" completed ")
        write(decimal: tally.completed)
        write(" refused ")
        write(decimal: tally.refused)
        write(" registers ")
        write(decimal: tally.accesses)
        write(" others ")
        write(decimal: tally.otherAccesses)
        write(" queues ")
        write(decimal: tally.queues)
        write(" changes ")
        write(decimal: tally.changes)
        write(" stops ")
        write(decimal: tally.stops)
        write(" resets ")
        write(decimal: tally.resets)
        write(" kinds")
        for kind in 0..<Int(Attack.count) {
            write(" ")
            write(decimal: tally.attacks[kind])
        }
        write(" end")
        endLine()
    }
}
