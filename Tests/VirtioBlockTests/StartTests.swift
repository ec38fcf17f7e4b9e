import ABI
import EntenteTesting
import Testing

@testable import VirtioBlock

/// Tests the start of devices of all kinds, and the descriptions of their disks.
@Suite struct StartTests {
    @Test func describesTheDisk() throws {
        let bench = DriverBench(sectors: 4096)
        bench.disk.blockSize = 4096
        bench.disk.identity = "0123456789abcdefghijKLM"
        let starts = bench.start()
        #expect(starts && bench.driver.isWorking && bench.driver.hasChanged)
        bench.driver.hasChanged = false
        #expect(bench.answers().isEmpty)
        #expect(bench.driver.hasChanged, "the identity came")
        let found = try #require(bench.driver.disk)
        #expect(found.capacity == 4096 && found.optimalSize == 4096)
        #expect(found.features == [.discard, .writeZeroes, .hasVolatileCache])
        let text = (0..<24).map { UInt8(truncatingIfNeeded: found.identity[$0 / 8] >> UInt64($0 % 8 * 8)) }
        #expect(text == Array("0123456789abcdefghij".utf8) + [0, 0, 0, 0])
        #expect(bench.troubles().isEmpty)
    }

    @Test func takesNoFeatureThatItDoesNotKnow() {
        let bench = DriverBench()
        bench.disk.offered |= 1 << 20 | 1 << 36 | 1 << 63
        let starts = bench.start()
        #expect(starts)
        #expect(bench.perform(bench.request(.write, 0)) == .ok)
    }

    @Test func describesASimpleDisk() {
        let bench = DriverBench()
        typealias Feature = FakeVirtioDisk.Feature
        bench.disk.offered = Feature.version1 | Feature.indirect | Feature.readOnly
        bench.start()
        #expect(bench.driver.disk?.features == [.readOnly])
        #expect(bench.perform(bench.request(.read, 0)) == .ok)
        #expect(bench.perform(bench.request(.write, 0)) == .readOnly)
        #expect(bench.perform(bench.request(.discard, 0)) == .readOnly)
        #expect(bench.perform(bench.request(.flush, 0)) == .ok)
        #expect(!bench.disk.types.contains(4), "the disk has no cache")
    }

    @Test(arguments: [
        "legacy", "none", "network", "no version", "no indirect", "stubborn", "no queue", "tiny queue",
    ])
    func refusesADevice(kind: String) {
        let bench = DriverBench()
        let disk = bench.disk
        let trouble: DeviceTrouble
        switch kind {
        case "legacy": (disk.version, trouble) = (1, .legacy)
        case "none": (disk.kind, trouble) = (0, .noDevice)
        case "network": (disk.kind, trouble) = (1, .notABlockDevice)
        case "no version": (disk.offered, trouble) = (disk.offered & ~FakeVirtioDisk.Feature.version1, .features)
        case "no indirect": (disk.offered, trouble) = (disk.offered & ~FakeVirtioDisk.Feature.indirect, .features)
        case "stubborn": (disk.acceptsFeatures, trouble) = (false, .features)
        case "no queue": (disk.queueLimit, trouble) = (0, .queue)
        default: (disk.queueLimit, trouble) = (2, .queue)
        }
        let starts = bench.start()
        #expect(!starts && bench.troubles() == [trouble])
        #expect(bench.perform(bench.request(.read, 0)) == .noDisk)
        #expect(bench.disk.status & 4 == 0, "the device does not work")
        #expect(bench.answers().isEmpty)
    }

    @Test func aResetThatNeverEndsIsAFailure() {
        let bench = DriverBench()
        bench.start()
        #expect(bench.answers().isEmpty)
        bench.disk.endsResets = false
        bench.disk.isAutomatic = false
        bench.submit(bench.request(.read, 3), as: 3)
        bench.disk.askForReset()
        #expect(bench.answers() == [.init(id: 3, status: .ioError)])
        #expect(bench.troubles() == [.needsReset, .noReset])
        #expect(bench.perform(bench.request(.read, 0)) == .ioError)
        bench.disk.endsResets = true
        bench.disk.isAutomatic = true
        let starts = bench.start()
        #expect(starts)
        #expect(bench.perform(bench.request(.read, 0)) == .ok)
    }

    @Test(arguments: [(40960, 256, 256), (40960, 100, 64), (32768, 256, 128), (1024, 256, 4), (40960, 4, 4)])
    func theQueueIsAsLargeAsMemoryAndDeviceAllow(memory: Int, limit: UInt32, count: Int) {
        let bench = DriverBench(queueMemory: memory)
        bench.disk.queueLimit = limit
        bench.start()
        #expect(bench.driver.queueSize == count)
        for id in 0..<64 { bench.submit(bench.request(.write, id, sector: UInt64(id)), as: id) }
        #expect(bench.answers().count == 64)
    }

    @Test func memoryCanBeTooSmall() {
        let bench = DriverBench(queueMemory: 512)
        let starts = bench.start()
        #expect(!starts && bench.troubles() == [.memory])
    }

    @Test func aChangeOfTheSizeIsSeen() {
        let bench = DriverBench(sectors: 64)
        bench.start()
        _ = bench.answers()
        #expect(bench.perform(bench.request(.write, 0, sector: 64)) == .badRequest)
        bench.driver.hasChanged = false
        bench.disk.resize(sectors: 128)
        bench.driver.acknowledgeInterrupt()
        #expect(bench.driver.hasChanged && bench.driver.disk?.capacity == 128)
        #expect(bench.driver.disk?.identity[0] != 0)
        #expect(bench.perform(bench.request(.write, 0, sector: 127)) == .ok)
    }
}
