import ABI
import EntenteTesting
import TestSupport
import Testing

@testable import VirtioBlock

/// A device whose registers read as anything, and which writes anything to the shared memory.
private final class HostileDevice: FakeDevice {
    var interrupt: FakeInterrupt?
    var numbers: SeededNumbers
    private let honest: FakeVirtioDisk
    /// The share of register reads that are rubbish: one of so many.
    var lieRate = 0

    init(_ honest: FakeVirtioDisk, seed: UInt64) { (self.honest, numbers) = (honest, SeededNumbers(seed)) }

    func read(at offset: Int, width: Int) -> UInt64 {
        let truth = honest.read(at: offset, width: width)
        guard lieRate > 0, numbers.chance(lieRate) else { return truth }
        return [0, 1, 2, 0xFFFF_FFFF, truth ^ 1 << UInt64(numbers.below(32)), numbers.next() & 0xFFFF_FFFF][
            numbers.below(6)]
    }

    func write(_ value: UInt64, at offset: Int, width: Int) { honest.write(value, at: offset, width: width) }
}

/// Lets a device do anything to the driver. The driver must not stop, answers each request at most once, and works
/// again with a device that behaves.
@Suite struct HostileDeviceTests {
    @Test func nothingStopsTheDriver() {
        for seed in TestLength.seeds(short: 100, long: 300) {
            let isFine = run(seed)
            #expect(isFine, "seed \(seed)")
            if !isFine { return }
        }
    }

    private func run(_ seed: UInt64) -> Bool {
        let bus = FakeBus()
        let disk = FakeVirtioDisk(sectors: 256, bus: bus)
        let memory = TestMemory(size: 40960, deviceAddress: 0x4800_0000, bus: bus)
        let data = TestMemory(size: 4096, deviceAddress: 0x5000_0000, bus: bus)
        let device = HostileDevice(disk, seed: seed)
        var driver = TestDriver(registers: FakeRegisters(device: device), memory: memory, capacity: 16)
        var outstanding: Set<Int> = []
        driver.start()
        device.lieRate = device.numbers.chance(2) ? 30 : 0
        for _ in 0..<400 {
            if !driver.isWorking { driver.start() }
            let id = device.numbers.below(16)
            let operation: BlockOperation = [.read, .write, .flush, .discard, .writeZeroes][device.numbers.below(5)]
            let request = DeviceRequest(
                operation, sector: UInt64(device.numbers.below(260)), length: 512, address: data.deviceAddress,
                forcesUnitAccess: device.numbers.chance(4))
            if !outstanding.contains(id), driver.submit(request, as: id) == nil { outstanding.insert(id) }
            driver.notify()
            if device.numbers.chance(4) { spoil(memory, &device.numbers) }
            if device.numbers.chance(2) { driver.acknowledgeInterrupt() }
            for _ in 0..<device.numbers.below(20) {
                guard let answer = driver.nextAnswer() else { break }
                guard outstanding.remove(answer.id) != nil else { return false }
            }
            _ = driver.willSleep()
        }
        return recovers(&driver, device, disk, data, &outstanding)
    }

    /// Writes rubbish to the rings, or to anything.
    private func spoil(_ memory: TestMemory, _ numbers: inout SeededNumbers) {
        let layout = QueueLayout(count: 256)
        switch numbers.below(4) {
        case 0: memory[layout.usedHeader] = UInt64(numbers.below(5)) << 48 | memory[layout.usedHeader]
        case 1: memory[layout.usedElement(UInt16(numbers.below(256)))] = numbers.next() & 0xFF_0000_00FF
        case 2: memory[layout.usedHeader] &+= UInt64(1 + numbers.below(3)) << 48
        default: memory[numbers.below(memory.size / 8) * 8] = numbers.next()
        }
    }

    private func recovers(
        _ driver: inout TestDriver, _ device: HostileDevice, _ disk: FakeVirtioDisk, _ data: TestMemory,
        _ outstanding: inout Set<Int>
    ) -> Bool {
        device.lieRate = 0
        disk.askForReset()
        for _ in 0..<50 {
            driver.acknowledgeInterrupt()
            while let answer = driver.nextAnswer() {
                guard outstanding.remove(answer.id) != nil else { return false }
            }
            driver.notify()
        }
        driver.start()
        guard outstanding.isEmpty, driver.isWorking else { return false }
        guard driver.submit(DeviceRequest(.read, length: 512, address: data.deviceAddress), as: 0) == nil else {
            return false
        }
        driver.notify()
        while let answer = driver.nextAnswer() { if answer.id == 0 { return answer.status == .ok } }
        return false
    }
}
