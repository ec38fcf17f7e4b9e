import ABI
import DiskDriver
import Entente
import EntenteTesting
import Testing

/// Tests the component that drives the board's disks, over a connection and with fake devices.
@Suite struct DiskDriverTests {
    private let bus = FakeBus()
    private let main: FakeVirtioDisk
    private let other: FakeVirtioDisk
    private let driver: FakeComponent
    private let storage: FakeComponent

    init() {
        let kernel = FakeKernel()
        (main, other) = (FakeVirtioDisk(sectors: 1024, bus: bus), FakeVirtioDisk(sectors: 2048, bus: bus))
        (driver, storage) = (kernel.component("block-driver"), kernel.component("storage"))
        driver.attachDisk("main", main, number: 0, raising: .number(40))
        driver.attachDisk("other", other, number: 1, raising: .number(41))
        bus.add(driver.addDMAMemory("main", size: 65536, deviceAddress: 0x4800_0000))
        bus.add(driver.addDMAMemory("other", size: 65536, deviceAddress: 0x4900_0000))
        kernel.connectBlocks(
            client: storage, to: driver, banks: 2, raising: (client: .number(3), server: .number(5)), bus: bus)
    }

    /// Both ends, which work in turns.
    private struct Ends {
        var driver: DiskDriver
        var client: BlockClient
    }

    private func begin() -> Ends {
        var ends = Ends(driver: driver.run { DiskDriver() }, client: storage.run { BlockClient(named: "block-driver") })
        driver.run { ends.driver.start() }
        return ends
    }

    private func submit(_ request: BlockRequest, _ ends: inout Ends) {
        var request = request
        if request.window == 0 { request.window = UInt16(storage.number) }
        storage.run {
            _ = ends.client.submit(request)
            ends.client.notify()
        }
    }

    /// Lets the driver work until it would sleep, and returns the client's answers by their cookies.
    private func answers(_ ends: inout Ends) -> [UInt64: BlockStatus] {
        driver.run {
            repeat {
                ends.driver.heard(Notification.own.poll())
                ends.driver.work()
            } while !ends.driver.willSleep()
        }
        var answers: [UInt64: BlockStatus] = [:]
        storage.run {
            while let answer = ends.client.nextAnswer() {
                answers[answer.cookie] = answer.status
                ends.client.release(answer.slot)
            }
        }
        return answers
    }

    @Test func servesTwoDisks() {
        var ends = begin()
        let none = answers(&ends)
        #expect(none.isEmpty)
        let (first, second) = storage.run { (ends.client.disk(0), ends.client.disk(1)) }
        #expect(first?.capacity == 1024 && second?.capacity == 2048 && first?.identity[0] != 0)
        let window = storage.run { BlockWindow(of: Configuration.resource(.window, named: "window")!) }
        for word in 0..<64 { storage.run { window.memory![word * 8] = 7 } }
        submit(BlockRequest(.write, disk: 1, sector: 2000, length: 512, cookie: 1), &ends)
        submit(BlockRequest(.write, disk: 0, sector: 2000, length: 512, cookie: 2), &ends)
        submit(BlockRequest(.read, disk: 2, length: 512, cookie: 3), &ends)
        submit(BlockRequest(.read, length: 512, window: 77, cookie: 4), &ends)
        submit(BlockRequest(.read, length: 1024, offset: (1 << 20) - 512, cookie: 5), &ends)
        submit(BlockRequest(.flush, cookie: 6), &ends)
        #expect(
            answers(&ends) == [1: .ok, 2: .badRequest, 3: .noDisk, 4: .badRequest, 5: .badRequest, 6: .ok])
        #expect(other.contents[2000 * 512] == 7)
        #expect(driver.lines == ["disk 'main': 1024 sectors", "disk 'other': 2048 sectors"])
    }

    @Test func aHungDiskStallsItsOwnRequestsOnly() {
        main.isAutomatic = false
        var ends = begin()
        for cookie in 0..<40 as Range<UInt64> {
            submit(BlockRequest(.write, disk: UInt16(cookie % 2), sector: cookie, length: 512, cookie: cookie), &ends)
        }
        #expect(Set(answers(&ends).keys) == Set((0..<40).filter { $0 % 2 == 1 }))
        main.performAll()
        #expect(Set(answers(&ends).keys) == Set((0..<40).filter { $0 % 2 == 0 }))
    }

    /// The next life of the driver performs the requests that have no answer, the flush behind the writes.
    @Test func theNextLifePerformsRequestsAgain() {
        main.isAutomatic = false
        var ends = begin()
        submit(BlockRequest(.flush, cookie: 9), &ends)
        for cookie in 0..<5 as Range<UInt64> {
            submit(BlockRequest(.write, sector: cookie, length: 512, cookie: cookie), &ends)
        }
        #expect(answers(&ends).isEmpty)
        driver.restart()
        let client = ends.client
        ends = begin()
        ends.client = client
        #expect(answers(&ends).isEmpty)
        #expect(main.pending.map(\.type) == [8, 1, 1, 1, 1, 1])
        main.isAutomatic = true
        main.performAll()
        #expect(answers(&ends) == [0: .ok, 1: .ok, 2: .ok, 3: .ok, 4: .ok, 9: .ok])
        #expect(main.faults == [] && bus.strayAccesses == [])
    }

    @Test func troubleIsLoggedOnce() {
        main.badSectors = [1]
        var ends = begin()
        for cookie in 0..<30 as Range<UInt64> {
            submit(BlockRequest(.read, sector: 1, length: 512, cookie: cookie), &ends)
            #expect(answers(&ends) == [cookie: .ioError])
        }
        #expect(driver.lines.count { $0 == "disk 'main': a request has failed" } == 1)
    }

    /// A driver that one disk keeps busy does not sleep, and still learns what another disk has to tell.
    @Test func aBusyDiskHidesNoOther() {
        var ends = begin()
        main.resize(sectors: 4096)
        for look in 0..<20 as Range<UInt64> {
            submit(BlockRequest(.read, disk: 1, length: 512, cookie: look), &ends)
            driver.run { ends.driver.work() }
            storage.run { while let answer = ends.client.nextAnswer() { ends.client.release(answer.slot) } }
        }
        #expect(storage.run { ends.client.disk(0)?.capacity } == 4096)
    }

    /// A user of whole disks has its own disks and its own window, and no other ones.
    @Test func aUserOfAWholeDiskReachesNothingElse() {
        let web = driver.kernel.component("web.disks")
        driver.kernel.connectBlocks(
            client: web, to: driver, banks: 1, raising: (client: .number(3), server: .number(5)), bus: bus)
        driver.addWholeDisk("web.data", ofBoardDisk: 1, to: web, as: 0, isReadOnly: true)
        var ends = begin()
        var client = web.run { BlockClient(named: "block-driver") }
        #expect(web.run { client.disk(0)?.capacity == 2048 && client.disk(0)?.features.contains(.readOnly) == true })
        #expect(web.run { client.disk(1) == nil } && storage.run { ends.client.disk(1) == nil })
        #expect(storage.run { ends.client.disk(0)?.features.contains(.readOnly) } == false)
        // Neither side has the other's disk, and the user cannot name a window by its number.
        submit(BlockRequest(.read, disk: 1, length: 512, cookie: 1), &ends)
        for (cookie, window) in [0, UInt16(web.number), UInt16(storage.number)].enumerated() {
            web.run {
                _ = client.submit(
                    BlockRequest(.read, sector: 1, length: 512, window: window, cookie: UInt64(cookie)))
            }
        }
        web.run {
            _ = client.submit(BlockRequest(.read, disk: 1, length: 512, cookie: 3))
            _ = client.submit(BlockRequest(.write, length: 512, cookie: 4))
            _ = client.submit(BlockRequest(.flush, cookie: 5))
            _ = client.submit(BlockRequest(.discard, length: 0, cookie: 6))
            client.notify()
        }
        let (mine, theirs) = (window(of: web), window(of: storage))
        web.run { mine.memory![0] = 7 }
        storage.run { theirs.memory![0] = 7 }
        #expect(answers(&ends) == [1: .noDisk])
        var own: [UInt64: BlockStatus] = [:]
        web.run {
            while let answer = client.nextAnswer() {
                own[answer.cookie] = answer.status
                client.release(answer.slot)
            }
        }
        #expect(own == [0: .ok, 1: .badRequest, 2: .badRequest, 3: .noDisk, 4: .readOnly, 5: .ok, 6: .ok])
        // The disk has zeros there, which the device has written into the user's own window only.
        #expect(web.run { mine.memory![0] } == 0 && storage.run { theirs.memory![0] } == 7)
    }

    private func window(of component: FakeComponent) -> BlockWindow {
        component.run { BlockWindow(of: Configuration.resource(.window, named: "window")!) }
    }

    /// A disk without an answer does not delay the disk of another client.
    @Test func aHungDiskOfOneClientDelaysNoOther() {
        let web = driver.kernel.component("web.disks")
        driver.kernel.connectBlocks(
            client: web, to: driver, banks: 1, raising: (client: .number(3), server: .number(5)), bus: bus)
        driver.addWholeDisk("web.data", ofBoardDisk: 1, to: web, as: 0)
        other.isAutomatic = false
        var ends = begin()
        var client = web.run { BlockClient(named: "block-driver") }
        web.run {
            for cookie in 0..<64 as Range<UInt64> {
                _ = client.submit(BlockRequest(.write, length: 512, cookie: cookie))
            }
            client.notify()
        }
        submit(BlockRequest(.write, length: 512, cookie: 7), &ends)
        // The disk has not told its identity either.
        #expect(answers(&ends) == [7: .ok] && other.pending.count == 64 + 1)
        // The next life of the driver gives the disk all of them again.
        driver.restart()
        let former = ends.client
        ends = begin()
        ends.client = former
        #expect(answers(&ends).isEmpty && other.pending.count == 64 + 1)
        other.isAutomatic = true
        other.performAll()
        #expect(answers(&ends).isEmpty)
        var count = 0
        web.run { while let answer = client.nextAnswer() { count += answer.status == .ok ? 1 : 0 } }
        #expect(count == 64 && main.faults == [] && other.faults == [] && bus.strayAccesses == [])
    }

    /// A device that fails is tried again after a second.
    @Test func aFailedDeviceComesBack() {
        main.version = 1
        var ends = begin()
        submit(BlockRequest(.read, length: 512, cookie: 1), &ends)
        submit(BlockRequest(.read, disk: 1, length: 512, cookie: 2), &ends)
        #expect(answers(&ends) == [1: .noDisk, 2: .ok])
        main.version = 2
        submit(BlockRequest(.read, length: 512, cookie: 3), &ends)
        #expect(answers(&ends) == [3: .noDisk])
        driver.kernel.advance(by: .milliseconds(1001))
        submit(BlockRequest(.read, length: 512, cookie: 4), &ends)
        #expect(answers(&ends) == [4: .ok])
        #expect(storage.run { ends.client.disk(0)?.capacity } == 1024)
    }
}
