import GuestHardware
import GuestSupport
import DiskSupport

/// A kind of rubbish in a queue. The name says which rule of virtio it breaks.
enum Attack: UInt64 {
    // The device answers these with a status.
    case unknownType, hugeSector, oddLength, bufferOverRings, validRequest
    // After each of these the device needs a reset.
    case loop, longChain, bufferPastTheEnd, bufferElsewhere, emptyBuffer, nextBeyondTable, headBeyondTable
    case wrongOrder, indirectInIndirect, indirectOfOddSize, indirectElsewhere, indirectWithNext, shortHeader
    case indexAhead, indexBackwards, headTwice, rubbish

    static let count: UInt64 = 22
    /// The number of those after which the device goes on.
    static let harmlessCount: UInt64 = 5
}

extension VirtioDisk {
    /// Makes a chain of an attack available, with the descriptors from `3 * number` on.
    mutating func offer(_ attack: Attack, _ number: UInt64, _ random: inout Random) {
        let first = 3 * number
        let last = first + 2
        let type = random.next(below: 2) == 0 ? RequestType.read : RequestType.write
        makeRequest(number, type, random.next(below: 1024), bytes: 512 * (1 + random.next(below: 8)), false)
        switch attack {
        case .validRequest: break
        case .unknownType: guest_store64(header(number), random.nextOfAnySize())
        case .hugeSector: guest_store64(header(number) + 8, random.nextOfAnySize())
        case .oddLength: setDescriptor(first + 1, data(number), 1 + random.next(below: 0x4000), 3, next: last)
        case .bufferOverRings:
            setDescriptor(first + 1, descriptors + 16 * random.next(below: 0x300), 512, 3, next: last)
        case .loop: setDescriptor(last, data(number), 1, 3, next: first + 1)
        case .longChain:
            for index in first..<size - 1 { setDescriptor(index, data(number), 512, 3, next: index + 1) }
        case .bufferPastTheEnd:
            let start = Arena.end - 512 * random.next(below: 4)
            setDescriptor(first + 1, start, Arena.length(&random) | 0x800, 3, next: last)
        case .bufferElsewhere:
            let flags = type == RequestType.read ? DescriptorFlag.next | DescriptorFlag.write : DescriptorFlag.next
            setDescriptor(first + 1, Arena.address(&random), Arena.length(&random), flags, next: last)
        case .emptyBuffer: setDescriptor(first + 1, data(number), 0, 3, next: last)
        case .nextBeyondTable:
            setDescriptor(first + 1, data(number), 512, 3, next: size + random.next(below: 0x1_0000 - size))
        case .headBeyondTable: return offer(size + random.next(below: 0x1_0000 - size))
        case .wrongOrder:
            setDescriptor(first + 1, data(number), 512, 3, next: last)
            setDescriptor(last, data(number), 512, 0)
        case .indirectInIndirect:
            setDescriptor(first, table(number), 48, DescriptorFlag.indirect)
            setEntry(table(number), table(number), 48, DescriptorFlag.indirect)
        case .indirectOfOddSize:
            setDescriptor(first, table(number), Arena.length(&random) | 1, DescriptorFlag.indirect)
        case .indirectElsewhere:
            setDescriptor(first, Arena.address(&random), Arena.length(&random) & ~15, DescriptorFlag.indirect)
        case .indirectWithNext: setDescriptor(first, table(number), 48, 5, next: last)
        case .shortHeader: setDescriptor(first, header(number), 1 + random.next(below: 15), 1, next: last)
        case .indexAhead: available &+= UInt16(truncatingIfNeeded: size + random.next(below: 0x8000))
        case .indexBackwards: available &-= UInt16(truncatingIfNeeded: 2 + random.next(below: 0x4000))
        case .headTwice: offer(first)
        case .rubbish: scatter(&random)
        }
        offer(first)
    }

    /// Fills entries of the table, and those of an indirect table, with words that look a little like descriptors.
    private func scatter(_ random: inout Random) {
        for _ in 0..<size {
            let place = random.next(below: 2) == 0 ? descriptors + 16 * random.next(below: size) : table(0)
            setEntry(
                place, Arena.address(&random), Arena.length(&random), random.next(below: 8),
                next: random.next(below: size + 1))
        }
    }
}

/// The numbers of attacks and of their consequences.
struct Tally {
    var attacks = InlineArray<22, UInt64>(repeating: 0)
    /// Queues of sizes and at places that no queue can have.
    var queues: UInt64 = 0
    /// Accesses to registers, of disks and of the other devices.
    var accesses: UInt64 = 0
    var otherAccesses: UInt64 = 0
    /// Attacks during which the second processor changed the rings.
    var changes: UInt64 = 0
    var stops: UInt64 = 0
    var resets: UInt64 = 0
    /// Chains of attacks that the device gave back, and resets that it demanded.
    var completed: UInt64 = 0
    var refused: UInt64 = 0
    /// Requests of sessions, with their results right.
    var verified: UInt64 = 0
}

/// The attacks on the queue of a disk.
struct QueueAttack {
    var disk: VirtioDisk

    /// Begins with a device that runs, or with one that refuses its queue.
    init(_ tally: inout Tally, _ random: inout Random) {
        disk = VirtioDisk(slot: 0)
        disk.size = 16 << random.next(below: 5)
        let omitted = random.next(below: 4) == 0 ? random.next() & ~VirtioDisk.version1 : 0
        _ = disk.negotiate(omitting: omitted)
        switch random.next(below: 6) {
        case 0: break
        case 1:
            overlapRings(&tally, &random)
            return
        default:
            _ = disk.start()
            return
        }
        tally.queues += 1
        disk.startQueue(
            size: random.next(below: 2) == 0 ? disk.size : random.nextOfAnySize(),
            descriptors: random.next(below: 2) == 0 ? disk.descriptors : Arena.address(&random),
            driver: random.next(below: 2) == 0 ? disk.driver : Arena.address(&random),
            device: random.next(below: 2) == 0 ? disk.device : Arena.address(&random))
    }

    /// Begins with a used ring inside of the queue's other areas, so that the device's own stores make chains available
    /// or change them. Another queue has the same areas.
    private mutating func overlapRings(_ tally: inout Tally, _ random: inout Random) {
        tally.queues += 1
        let (descriptors, driver) = (disk.descriptors, disk.driver)
        let places =
            [
                driver &+ 4 &* random.next(below: 8), driver &- 4 &* random.next(below: 16),
                descriptors &+ 4 &* random.next(below: 64),
            ] as InlineArray<3, UInt64>
        disk.startQueue(
            size: disk.size, descriptors: descriptors, driver: driver,
            device: places[Int(random.next(below: 3))])
        disk.store(DiskRegister.queueSelect, 1)
        disk.store(DiskRegister.queueSize, disk.size)
        disk.storeAddress(DiskRegister.descriptors, descriptors)
        disk.storeAddress(DiskRegister.driver, driver)
        disk.storeAddress(DiskRegister.device, places[Int(random.next(below: 3))])
        disk.store(DiskRegister.queueReady, 1)
        disk.store(DiskRegister.queueSelect, 0)
    }

    /// Offers some chains, lets the device begin with them, and then often takes the ground from under it.
    mutating func run(_ tally: inout Tally, _ random: inout Random) {
        let isChanged = random.next(below: 3) == 0
        if isChanged {
            tally.changes += 1
            SecondProcessor.start(random.next())
        }
        let count = 1 + random.next(below: 5)
        for number in 0..<count {
            let isLast = number == count - 1
            let kind = random.next(below: isLast ? Attack.count : Attack.harmlessCount)
            guard let attack = Attack(rawValue: kind) else { continue }
            tally.attacks[Int(kind)] += 1
            disk.offer(attack, number, &random)
            if random.next(below: 3) == 0 { disk.store(DiskRegister.queueNotify, 0) }
        }
        disk.store(DiskRegister.queueNotify, random.next(below: 2) == 0 ? 0 : random.nextOfAnySize())
        Sleep.ticks(1 + random.next(below: guest_counter_frequency() / 500))
        tally.completed += UInt64(min(disk.used, UInt16(count)))
        if disk.needsReset { tally.refused += 1 }
        switch random.next(below: 4) {
        case 0:
            tally.stops += 1
            disk.store(DiskRegister.queueSelect, 0)
            disk.store(DiskRegister.queueReady, 0)
        case 1:
            tally.resets += 1
            disk.store(DiskRegister.status, 0)
        default: break
        }
        if isChanged { SecondProcessor.stop() }
    }
}
