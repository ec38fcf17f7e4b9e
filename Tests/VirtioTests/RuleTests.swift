import ABI
import Testing
import VirtualPlatform

@testable import Virtio

/// Single rules of virtio, each with the guest that keeps to it or breaks it.
@Suite struct RuleTests {
    private let run: Run
    private var driver: GuestDriver { run.drivers[0] }

    init() { run = Run(seed: 1) }

    private func set(_ register: Int, _ value: UInt64) {
        #expect(driver.write(register, UInt32(truncatingIfNeeded: value)))
    }
    private var status: UInt32 { driver.read(VirtioRegister.status) }

    // MARK: Features

    /// Resets the device, and proposes features. Returns the status.
    private func propose(_ features: UInt64) -> UInt32 {
        set(VirtioRegister.status, 0)
        for status in [1, 3] as [UInt64] { set(VirtioRegister.status, status) }
        for word in 0..<2 as Range<UInt64> {
            set(VirtioRegister.driverFeaturesSelect, word)
            set(VirtioRegister.driverFeatures, features >> (32 * word))
        }
        set(VirtioRegister.status, 11)
        return status
    }

    @Test func onlyOfferedFeaturesAreAccepted() {
        let offered = driver.features
        #expect(propose(offered) == 11)
        #expect(propose(BlockFeature.version1) == 11)
        for bit in 0..<64 as Range<UInt64> where offered & 1 << bit == 0 {
            #expect(propose(offered | 1 << bit) == 3, "feature \(bit)")
        }
        #expect(propose(offered & ~BlockFeature.version1) == 3, "a legacy driver")
    }

    @Test func noDeviceRunsBeforeItsFeaturesAreAccepted() {
        for status in [7, 15] as [UInt64] {
            _ = propose(0)
            set(VirtioRegister.status, status)
            #expect(self.status == 3)
        }
    }

    /// A driver that did not accept indirect tables must not use them (2.7.5.3.1).
    @Test func tablesNeedTheirFeature() {
        let run = Run(seed: 1, Run.Options(usesIndirect: false))
        run.drivers[0].usesIndirect = true
        for _ in 0..<20 { _ = run.drivers[0].submit(4, 0, 0) }
        run.runBackend()
        #expect(run.drivers[0].read(VirtioRegister.status) == 0x4F)
    }

    /// Without the feature of flushes, each write is durable when it is answered (5.2.6.2).
    @Test(arguments: [
        (BlockFeature.flush | BlockFeature.configurableCache, true), (BlockFeature.configurableCache, false),
        (BlockFeature.flush, false),
    ]) func aDriverWithoutFlushesHasNoCache(omitted: UInt64, forces: Bool) {
        set(VirtioRegister.status, 0)
        driver.forget()
        driver.omittedFeatures = omitted
        driver.start()
        for _ in 0..<500 { run.step() }
        #expect(run.drain() && run.failures.isEmpty)
        #expect(forces ? run.world.forcedWrites > 5 : run.world.forcedWrites == 0)
    }

    // MARK: Chains

    /// Places a chain with a header of 32 bytes for a discard or a write of zeroes, or of 16 bytes for a flush.
    private func place(_ number: Int, type: UInt64, count: UInt64 = 0, flags: UInt64 = 0) {
        let header = World.ramBase + UInt64(run.world.ram.count - 4096 + 128 * number)
        for (offset, value) in [type, 0, 0, count | flags << 32].enumerated() {
            driver.put(value, header + UInt64(8 * offset), 8)
        }
        driver.put(0xEE, header + 64, 1)
        let descriptor = driver.queues[0].descriptors + UInt64(32 * number)
        let head = UInt64(2 * number)
        driver.put(header, descriptor, 8)
        driver.put((type == 4 ? 16 : 32) | 1 << 32 | (head + 1) << 48, descriptor + 8, 8)
        driver.put(header + 64, descriptor + 16, 8)
        driver.put(1 | 2 << 32, descriptor + 24, 8)
        driver.put(head, driver.queues[0].driver + 4 + UInt64(2 * number), 2)
    }

    /// Makes so many chains available, and lets the backend look.
    private func offer(_ count: Int) {
        driver.put(UInt64(count), driver.queues[0].driver + 2, 2)
        run.world.events |= 1 << VirtioPages.BackendEvent.firstNotify
        run.runBackend()
    }

    /// Only a write of zeroes has a flag, which permits to give the space back (5.2.6.2).
    @Test(
        arguments: [
            (11, 8, 0, 0), (11, 8, 1, 2), (11, 8, 2, 2), (13, 8, 0, 0), (13, 8, 1, 0), (13, 8, 2, 2),
            (13, 8, 1 << 31, 2),
            (11, 0, 0, 0), (11, 257, 0, 1), (13, 257, 0, 1), (13, 0xFFFF_FFFF, 1, 1),
        ] as [(UInt64, UInt64, UInt64, UInt64)]) func aRangeHasTheFlagsOfItsType(
            type: UInt64, count: UInt64, flags: UInt64, expected: UInt64
        )
    {
        place(0, type: type, count: count, flags: flags)
        offer(1)
        run.runStorage()
        run.runBackend()
        let status = World.ramBase + UInt64(run.world.ram.count - 4096 + 64)
        #expect(driver.get(status, 1) == expected)
        #expect(run.world.rangeRequests.count == (expected == 0 && count > 0 ? 1 : 0))
    }

    /// An index that runs backwards makes nothing available, not even a chain whose entry is there.
    @Test func anIndexNeverRunsBackwards() {
        for number in 0..<3 { place(number, type: 4) }
        offer(2)
        #expect(run.world.outstanding.count == 2 && status == 15)
        offer(1)
        #expect(run.world.outstanding.count == 2 && status == 0x4F)
    }

    /// A device that needs a reset does nothing in the next life of its backend either, although its queue has become
    /// right meanwhile.
    @Test func aBrokenDeviceStaysBroken() {
        let run = AttackedRun(seed: 1, HostileGuestTests.forms[0], kills: false)
        run.guest.start(isProper: true)
        run.run.runBackend()
        run.guest.offerChain("empty")
        run.guest.notify()
        run.run.runBackend()
        #expect(run.run.drivers[1].read(VirtioRegister.status) == 0x4F)
        for _ in 0..<40 { run.guest.offerChain("valid") }
        run.run.kill()
        run.run.beginLife()
        for _ in 0..<5 {
            run.guest.notify()
            run.run.runBackend()
        }
        #expect(!run.run.world.connection.contains { $0.request?.disk == 1 })
    }
}
