import ABI
import Entente
import EntenteTesting
import Testing

@testable import VirtioBlock

/// The registers of a fake device, as the portable driver uses them.
struct FakeRegisters: VirtioRegisters {
    let device: any FakeDevice
    func read(_ offset: Int) -> UInt32 { UInt32(truncatingIfNeeded: device.read(at: offset, width: 4)) }
    func write(_ value: UInt32, _ offset: Int) { device.write(UInt64(value), at: offset, width: 4) }
}

/// Memory of a test that the driver and the device share.
final class TestMemory: VirtioMemory {
    let bytes: UnsafeMutableRawBufferPointer
    let deviceAddress: UInt64
    var size: Int { bytes.count }

    init(size: Int, deviceAddress: UInt64, bus: FakeBus) {
        bytes = .allocate(byteCount: size, alignment: 4096)
        bytes.initializeMemory(as: UInt8.self, repeating: 0xA5)
        self.deviceAddress = deviceAddress
        bus.add(bytes, at: deviceAddress)
    }

    deinit { bytes.deallocate() }

    subscript(offset: Int) -> UInt64 {
        get {
            precondition(offset & 7 == 0)
            return bytes.load(fromByteOffset: offset, as: UInt64.self)
        }
        set {
            precondition(offset & 7 == 0)
            bytes.storeBytes(of: newValue, toByteOffset: offset, as: UInt64.self)
        }
    }

    func order() {}
}

typealias TestDriver = VirtioBlockDriver<FakeRegisters, TestMemory>

/// A driver, its fake disk, and memory for data of which each request has a piece of its own.
final class DriverBench {
    let bus = FakeBus()
    let disk: FakeVirtioDisk
    let queueMemory: TestMemory
    let data: TestMemory
    let capacity: Int
    var driver: TestDriver
    static let pieceSize = 16384

    init(sectors: Int = 2048, capacity: Int = 64, queueMemory size: Int = 40960) {
        disk = FakeVirtioDisk(sectors: sectors, bus: bus)
        queueMemory = TestMemory(size: size, deviceAddress: 0x4800_0000, bus: bus)
        data = TestMemory(size: capacity * Self.pieceSize, deviceAddress: 0x1_2345_0000, bus: bus)
        self.capacity = capacity
        driver = TestDriver(registers: FakeRegisters(device: disk), memory: queueMemory, capacity: capacity)
    }

    deinit {
        #expect(disk.faults == [])
        #expect(bus.strayAccesses == [])
    }

    @discardableResult func start() -> Bool { driver.start() }

    /// Begins another life of the driver.
    func restart() {
        driver = TestDriver(registers: FakeRegisters(device: disk), memory: queueMemory, capacity: capacity)
        start()
    }

    func piece(_ id: Int) -> UInt64 { data.deviceAddress + UInt64(id * Self.pieceSize) }

    func request(
        _ operation: BlockOperation, _ id: Int, sector: UInt64 = 0, count: Int = 1, isDurable: Bool = false
    ) -> DeviceRequest {
        DeviceRequest(
            operation, sector: sector, length: UInt32(count * 512), address: piece(id), forcesUnitAccess: isDurable)
    }

    /// Fills the data of a request with a number.
    func fill(_ id: Int, _ count: Int, with token: UInt64) {
        for offset in stride(from: 0, to: count * 512, by: 8) { data[id * Self.pieceSize + offset] = token }
    }

    /// The number that fills a sector of a request's data, or nil if it has several.
    func token(_ id: Int, _ sector: Int) -> UInt64? {
        let start = id * Self.pieceSize + sector * 512
        let first = data[start]
        return stride(from: 0, to: 512, by: 8).allSatisfy { data[start + $0] == first } ? first : nil
    }

    /// Submits a request that the driver must accept.
    func submit(_ request: DeviceRequest, as id: Int) {
        let refusal = driver.submit(request, as: id)
        #expect(refusal == nil)
    }

    func refusal(_ request: DeviceRequest) -> BlockStatus? { driver.submit(request, as: 0) }

    /// Takes all answers, after the device has got the requests, and those to which an answer leads.
    func answers() -> [TestDriver.Answer] { Self.answers(of: &driver) }

    private static func answers(of driver: inout TestDriver) -> [TestDriver.Answer] {
        driver.notify()
        driver.acknowledgeInterrupt()
        var answers: [TestDriver.Answer] = []
        repeat {
            while let answer = driver.nextAnswer() { answers.append(answer) }
        } while !driver.willSleep()
        return answers
    }

    /// Performs a request alone, and returns its status.
    func perform(_ request: DeviceRequest, as id: Int = 0) -> BlockStatus? {
        if let refusal = driver.submit(request, as: id) { return refusal }
        let answers = answers()
        #expect(answers.count <= 1 && answers.allSatisfy { $0.id == id })
        return answers.first?.status
    }

    func troubles() -> Set<DeviceTrouble> {
        var all: Set<DeviceTrouble> = []
        while let trouble = driver.troubles.removeFirst() { all.insert(trouble) }
        return all
    }
}

/// The number that fills a sector of a disk's contents, or nil if it has several.
func token(_ contents: [UInt8], _ sector: Int) -> UInt64? {
    contents.withUnsafeBytes { bytes in
        let words = (0..<64).map { bytes.loadUnaligned(fromByteOffset: sector * 512 + $0 * 8, as: UInt64.self) }
        return words.allSatisfy { $0 == words[0] } ? words[0] : nil
    }
}
