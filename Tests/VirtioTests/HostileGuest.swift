import ABI
import VirtualPlatform

@testable import Virtio

/// A guest that breaks the rules of virtio in slot 1, by orders of a seed. Its rings and buffers lie in the upper half
/// of the RAM, so that it does no harm to the good driver of slot 0.
///
/// It uses `GuestDriver` only for the registers.
final class HostileGuest {
    let run: Run
    var random: Seeded
    /// The numbers of attacks by their kind.
    var counts: [String: Int] = [:]
    private var size: UInt64 = 16
    private var available: UInt16 = 0

    init(_ run: Run, seed: UInt64) {
        self.run = run
        random = Seeded(seed)
    }

    private var driver: GuestDriver { run.drivers[1] }
    static let slot = 1
    private var half: UInt64 { UInt64(run.world.ram.count / 2) }
    var memory: Range<UInt64> { World.ramBase + half..<World.ramBase + 2 * half }

    private var descriptors: UInt64 { memory.lowerBound }
    private var availableRing: UInt64 { memory.lowerBound + 0x1000 }
    private var usedRing: UInt64 { memory.lowerBound + 0x2000 }
    private func header(_ number: Int) -> UInt64 { memory.lowerBound + 0x3000 + UInt64(64 * number) }
    private func table(_ number: Int) -> UInt64 { memory.lowerBound + 0x4000 + UInt64(512 * number) }
    private func data(_ number: Int) -> UInt64 { memory.lowerBound + 0x8000 + UInt64(4096 * number) }

    /// Writes that changed what a driver must not change any more.
    private(set) var troubles: [String] = []

    private func count(_ kind: String) { counts[kind, default: 0] += 1 }

    // MARK: Numbers

    /// Returns the number, changed if it could be an address of the lower half.
    private func spared(_ value: UInt64) -> UInt64 {
        (World.ramBase..<memory.lowerBound).contains(value & 0xFFFF_FFFF) ? value &+ half : value
    }

    private func ofAnySize() -> UInt64 { random.next() >> UInt64(random.below(64)) }

    private func address() -> UInt64 {
        let near = UInt64(random.below(0x1200))
        switch random.below(11) {
        case 0, 1: return memory.lowerBound + UInt64(random.below(Int(half))) & ~15
        case 2: return memory.lowerBound + UInt64(random.below(Int(half)))
        case 3: return memory.upperBound - near & ~15
        case 4: return memory.upperBound - near
        case 5: return memory.upperBound + near
        case 6: return World.ramBase - near - 1
        case 7: return VirtioPages.machineAddress + near
        case 8: return 0 &- near
        case 9: return spared(random.next())
        default: return spared(ofAnySize())
        }
    }

    private func length() -> UInt64 {
        switch random.below(6) {
        case 0: return 0
        case 1: return UInt64(1 + random.below(600))
        case 2: return 512 * UInt64(random.below(64))
        case 3: return 0xFFFF_FFFF - UInt64(random.below(64))
        case 4: return 1 << UInt64(random.below(32))
        default: return ofAnySize()
        }
    }

    // MARK: Registers

    private func set(_ register: Int, _ value: UInt64) {
        // A store that the monitor holds is given up, as if another virtual CPU had the turn.
        _ = driver.write(register, UInt32(truncatingIfNeeded: value))
    }

    private func setAddress(_ register: Int, _ value: UInt64) {
        set(register, value)
        set(register + 4, value >> 32)
    }

    /// Starts the device as its driver should, or mostly so.
    func start(isProper: Bool = false) {
        run.world.forbiddenRAM = nil
        size = isProper ? 16 : 1 << UInt64(random.below(9))
        available = 0
        for place in stride(from: memory.lowerBound, to: memory.lowerBound + 0x3000, by: 8) { driver.put(0, place, 8) }
        set(VirtioRegister.status, 1)
        set(VirtioRegister.status, 3)
        var features = run.world.pages[(VirtioPages.backend + VirtioPages.slotSize + VirtioBackend.features) / 8]
        if !isProper, random.chance(40) { features &= random.next() | BlockFeature.version1 }
        if !isProper, random.chance(5) {
            count("features")
            features = random.next()
        }
        for word in 0..<2 {
            set(VirtioRegister.driverFeaturesSelect, UInt64(word))
            set(VirtioRegister.driverFeatures, features >> UInt64(32 * word))
        }
        set(VirtioRegister.status, 11)
        let isPlaced = isProper || random.chance(85)
        if !isPlaced { count("queue") }
        set(VirtioRegister.queueSelect, 0)
        set(VirtioRegister.queueSize, isPlaced || random.chance(50) ? size : ofAnySize())
        setAddress(VirtioRegister.descriptorsLow, isPlaced || random.chance(50) ? descriptors : address())
        setAddress(VirtioRegister.driverLow, isPlaced || random.chance(50) ? availableRing : address())
        let device = !isProper && random.chance(10) ? overlapping() : usedRing
        setAddress(VirtioRegister.deviceLow, isPlaced || random.chance(50) ? device : address())
        set(VirtioRegister.queueReady, 1)
        if !isProper, random.chance(10) { startSecondQueue() }
        set(VirtioRegister.status, 15)
    }

    /// Returns a place of the used ring in the queue's other areas, so that the device's own stores make chains
    /// available, or change them.
    private func overlapping() -> UInt64 {
        count("overlap")
        switch random.below(3) {
        case 0: return availableRing + UInt64(4 * random.below(8))
        case 1: return availableRing - UInt64(4 * random.below(16))
        default: return descriptors + UInt64(4 * random.below(64))
        }
    }

    /// Starts another queue with the areas of the first one, so that both take the same chains.
    private func startSecondQueue() {
        count("second queue")
        set(VirtioRegister.queueSelect, 1)
        set(VirtioRegister.queueSize, size)
        setAddress(VirtioRegister.descriptorsLow, descriptors)
        setAddress(VirtioRegister.driverLow, availableRing)
        setAddress(VirtioRegister.deviceLow, random.chance(50) ? usedRing : overlapping())
        set(VirtioRegister.queueReady, 1)
    }

    /// Writes to the registers that a driver must not write once the queue is ready and the features are accepted.
    func changeLate() {
        let base = (VirtioPages.control + VirtioPages.slotSize * Self.slot) / 8
        func word(_ offset: Int) -> UInt64 { run.world.pages[base + offset / 8] }
        guard word(VirtioControl.life(0)) & 1 != 0, word(VirtioControl.status) & VirtioStatus.driverOK != 0 else {
            return
        }
        count("late change")
        let places = [
            VirtioControl.features, VirtioControl.size(0), VirtioControl.descriptors(0), VirtioControl.driver(0),
            VirtioControl.device(0),
        ]
        let before = places.map(word)
        set(VirtioRegister.queueSelect, 0)
        set(VirtioRegister.queueSize, ofAnySize())
        for register in [VirtioRegister.descriptorsLow, VirtioRegister.driverLow, VirtioRegister.deviceLow] {
            setAddress(register, address())
        }
        set(VirtioRegister.queueReady, 1)
        set(VirtioRegister.driverFeaturesSelect, UInt64(random.below(3)))
        set(VirtioRegister.driverFeatures, random.next())
        set(VirtioRegister.status, 11)
        // A reset that waited may be done meanwhile.
        guard word(VirtioControl.life(0)) & 1 != 0 else { return }
        if places.map(word) != before { troubles.append("a queue that is ready has changed") }
    }

    /// Writes to a register of the slot, with any value and size.
    func writeRegister() {
        count("register")
        let values = [
            0, 1, 2, 3, 11, 15, 255, spared(random.next()) & 0xFFFF_FFFF, address() & 0xFFFF_FFFF,
            spared(ofAnySize()) & 0xFFFF_FFFF,
        ]
        let register = random.chance(80) ? 4 * random.below(44) : random.below(VirtioPages.slotSize - 8)
        let size: UInt64 = random.chance(80) ? 4 : 1 << UInt64(random.below(4))
        _ = driver.write(register, UInt32(truncatingIfNeeded: values[random.below(values.count)]), size: size)
    }

    func notify() {
        count("doorbell")
        run.world.events |= 1 << (VirtioPages.BackendEvent.firstNotify + UInt64(Self.slot))
    }

    func stopQueue() {
        count("stop")
        set(VirtioRegister.queueSelect, 0)
        set(VirtioRegister.queueReady, 0)
    }

    /// Begins a reset, and gives up if the monitor holds the store. The memory is the guest's own once the reset is
    /// done.
    func beginReset() {
        count("reset")
        if driver.write(VirtioRegister.status, 0) { run.world.forbiddenRAM = memory }
    }

    /// Resets the device for good. Returns false if that never ends.
    func finishReset() -> Bool {
        for _ in 0..<2000 {
            if driver.write(VirtioRegister.status, 0) {
                run.world.forbiddenRAM = memory
                run.world.interrupts &= ~2
                return true
            }
            run.runBackend()
            run.runStorage()
        }
        return false
    }

    // MARK: Chains

    private func setEntry(_ place: UInt64, _ address: UInt64, _ length: UInt64, _ flags: UInt64, next: UInt64 = 0) {
        driver.put(address, place, 8)
        driver.put(length & 0xFFFF_FFFF | (flags & 0xFFFF) << 32 | (next & 0xFFFF) << 48, place + 8, 8)
    }
    private func setDescriptor(_ index: UInt64, _ address: UInt64, _ length: UInt64, _ flags: UInt64, next: UInt64 = 0)
    {
        setEntry(descriptors + 16 * (index & (size - 1)), address, length, flags, next: next)
    }

    private func offer(_ head: UInt64) {
        driver.put(head & 0xFFFF, availableRing + 4 + 2 * (UInt64(available) & (size - 1)), 2)
        available &+= 1
        driver.put(UInt64(available), availableRing + 2, 2)
    }

    /// The kinds of chains with which the device goes on.
    private static let harmlessKinds = ["valid", "type", "sector", "odd length", "over rings", "range"]
    /// The kinds of chains after which the device needs a reset in any case.
    static let wrongKinds = [
        "loop", "long", "past the end", "empty", "next", "head", "order", "indirect in indirect", "indirect size",
        "indirect with next", "short", "ahead", "backwards", "twice",
    ]
    private static let kinds = harmlessKinds + wrongKinds + ["elsewhere", "indirect elsewhere", "rubbish"]

    func offerChain(isLast: Bool) {
        let kinds = isLast ? Self.kinds : Self.harmlessKinds
        offerChain(kinds[random.below(kinds.count)])
    }

    func offerChain(_ kind: String) {
        let number = random.below(5)
        let first = UInt64(3 * number)
        let last = first + 2
        let isRead = random.chance(50)
        let data = data(number)
        count(kind)
        driver.put(isRead ? 0 : 1, header(number), 8)
        driver.put(UInt64(random.below(240)), header(number) + 8, 8)
        setDescriptor(first, header(number), 16, 1, next: first + 1)
        setDescriptor(first + 1, data, 512 * UInt64(1 + random.below(8)), isRead ? 3 : 1, next: last)
        setDescriptor(last, header(number) + 48, 1, 2)
        switch kind {
        case "type": driver.put(ofAnySize(), header(number), 8)
        case "sector":
            let sector = random.chance(50) ? ofAnySize() : 0 &- UInt64(random.below(20))
            driver.put(sector, header(number) + 8, 8)
        case "odd length": setDescriptor(first + 1, data, UInt64(1 + random.below(4096)), isRead ? 3 : 1, next: last)
        case "over rings":
            setDescriptor(first + 1, descriptors + UInt64(random.below(0x2800)), 512, isRead ? 3 : 1, next: last)
        case "range":
            driver.put(random.chance(50) ? 11 : 13, header(number), 8)
            driver.put(random.chance(80) ? UInt64(random.below(256)) : ofAnySize(), data, 8)
            driver.put(random.chance(80) ? UInt64(random.below(64)) : ofAnySize(), data + 8, 8)
            setDescriptor(first + 1, data, 16, 1, next: last)
        case "loop": setDescriptor(last, data, 1, 3, next: first + 1)
        case "long":
            for index in stride(from: first, to: size, by: 1) { setDescriptor(index, data, 512, 3, next: index + 1) }
        case "past the end":
            setDescriptor(first + 1, memory.upperBound - UInt64(random.below(600)), length() | 0x400, 3, next: last)
        case "elsewhere": setDescriptor(first + 1, address(), length(), isRead ? 3 : 1, next: last)
        case "empty": setDescriptor(first + 1, data, 0, 3, next: last)
        case "next": setDescriptor(first + 1, data, 512, 3, next: size + UInt64(random.below(0xFF00)))
        case "head": return offer(size + UInt64(random.below(0xFF00)))
        case "order":
            setDescriptor(first + 1, data, 512, 3, next: last)
            setDescriptor(last, data, 512, 0)
        case "indirect in indirect":
            setDescriptor(first, table(number), 48, 4)
            setEntry(table(number), table(number), 48, 4)
        case "indirect size": setDescriptor(first, table(number), length() | 1, 4)
        case "indirect elsewhere": setDescriptor(first, address(), length() & ~15, 4)
        case "indirect with next": setDescriptor(first, table(number), 48, 5, next: last)
        case "short": setDescriptor(first, header(number), UInt64(1 + random.below(15)), 1, next: last)
        case "ahead": available &+= UInt16(truncatingIfNeeded: Int(size) + random.below(0x8000))
        case "backwards": available &-= UInt16(2 + random.below(0x4000))
        case "twice": offer(first)
        case "rubbish": for _ in 0..<size { scatter() }
        default: break
        }
        offer(first)
    }

    private func scatter() {
        let place = random.chance(50) ? descriptors + 16 * UInt64(random.below(Int(size))) : table(0)
        setEntry(place, address(), length(), UInt64(random.below(8)), next: UInt64(random.below(Int(size) + 1)))
    }

    /// Changes a word of the rings, of a descriptor, or of a header, while the device reads them.
    func change() {
        count("change")
        let entry = random.chance(50) ? descriptors + 16 * UInt64(random.below(16)) : table(0)
        switch random.below(9) {
        case 0: driver.put(address(), entry, 8)
        case 1: driver.put(length() & 0xFFFF_FFFF, entry + 8, 4)
        case 2: driver.put(UInt64(random.below(8)), entry + 12, 2)
        case 3: driver.put(UInt64(random.below(32)), entry + 14, 2)
        case 4: driver.put(UInt64(random.below(0x1_0000)), availableRing + 2, 2)
        case 5: driver.put(UInt64(random.below(32)), availableRing + 4 + 2 * UInt64(random.below(16)), 2)
        case 6: driver.put(UInt64(random.below(0x1_0000)), usedRing + 2, 2)
        case 7: driver.put(ofAnySize(), header(random.below(5)) + 8, 8)
        default: driver.put(UInt64(random.below(16)), header(random.below(5)), 4)
        }
    }
}
