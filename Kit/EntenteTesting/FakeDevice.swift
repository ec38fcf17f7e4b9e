import ABI
import Entente

/// A device of a test, which defines the behaviour of the registers. Each call is one access of the driver.
///
///     final class Lamp: FakeDevice {
///         var interrupt: FakeInterrupt?
///         var isOn = false
///         func read(at offset: Int, width: Int) -> UInt64 { isOn ? 1 : 0 }
///         func write(_ value: UInt64, at offset: Int, width: Int) { isOn = value & 1 != 0 }
///         func burnOut() { interrupt?.isAsserted = true }
///     }
///     let lamp = Lamp()
///     let driver = kernel.component("driver", devices: ["lamp": lamp])
///     // Registers(named: "lamp") and Interrupt(named: "lamp") are there.
public protocol FakeDevice: AnyObject {
    /// The interrupt, after the device was attached to a component.
    var interrupt: FakeInterrupt? { get set }
    /// Returns the value for a driver that reads the `width` bytes at `offset`.
    func read(at offset: Int, width: Int) -> UInt64
    /// Takes the value that the driver writes to the `width` bytes at `offset`.
    func write(_ value: UInt64, at offset: Int, width: Int)
}

extension FakeComponent {
    /// Gives the component the registers and the interrupt of a device, as a manifest's `devices` does.
    ///
    /// - Parameters:
    ///   - name: the component's name for the device.
    ///   - device: the fake that answers accesses to the registers.
    ///   - size: the size of the registers in bytes.
    ///   - events: the events that the interrupt raises in the driver's notification.
    public func attach(
        _ name: String, _ device: some FakeDevice, size: Int = 4096, raising events: Events = .number(48)
    ) {
        let (registers, slot) = place(device, size: size, raising: events)
        pages.add(name) { Resource(name: $0, kind: .registers, address: registers, size: UInt64(size)) }
        pages.add(name) { Resource(name: $0, kind: .interrupt, slot: UInt64(slot), number: events.bits) }
    }

    /// Gives a device registers and an interrupt. Returns the address of the registers and the interrupt's slot.
    func place(_ device: some FakeDevice, size: Int, raising events: Events) -> (registers: UInt64, interrupt: UInt32) {
        let address = FakeDevices.firstAddress + UInt64(devices.count) << 20
        devices[address] = (UInt64(size), device)
        let interrupt = FakeInterrupt(of: self, raising: events)
        device.interrupt = interrupt
        return (address, insert(FakeObject(.interrupt(interrupt), .all)))
    }

    /// Gives the component memory that devices access, as a manifest's `dma` does.
    public func addDMAMemory(_ name: String, size: UInt64, deviceAddress: UInt64 = 0x4800_0000) -> FakeDMAMemory {
        let memory = FakeMemory(size)
        let address = map(memory)
        pages.add(name) { Resource(name: $0, kind: .dmaMemory, address: address, size: size, number: deviceAddress) }
        return FakeDMAMemory(memory, deviceAddress: deviceAddress)
    }

    public func readRegister(at address: UInt64, width: Int) -> UInt64 {
        let (device, offset) = device(at: address)
        return device.read(at: offset, width: width)
    }

    public func writeRegister(_ value: UInt64, at address: UInt64, width: Int) {
        let (device, offset) = device(at: address)
        device.write(value, at: offset, width: width)
    }

    private func device(at address: UInt64) -> (any FakeDevice, Int) {
        for (base, entry) in devices where base <= address && address - base < entry.size {
            return (entry.device, Int(address - base))
        }
        fatalError("a component has no registers at 0x\(String(address, radix: 16))")
    }
}

private enum FakeDevices { static let firstAddress: UInt64 = 0x2000_0000 }

/// The interrupt of a fake device, as the kernel delivers it. After one delivery it comes again only when the driver
/// has acknowledged it.
public final class FakeInterrupt {
    private let component: FakeComponent
    private let events: Events
    /// True after its delivery, until the driver has acknowledged it.
    public private(set) var isActive = false
    /// True if it came once more while it was active.
    private var isPending = false

    init(of component: FakeComponent, raising events: Events) { (self.component, self.events) = (component, events) }

    /// The level of the device's line. While it is true, the interrupt comes again after each acknowledgement.
    public var isAsserted = false {
        didSet { deliver() }
    }

    /// Raises the interrupt once, as a device with an edge-triggered interrupt does.
    public func pulse() {
        isPending = true
        deliver()
    }

    func acknowledge() {
        isActive = false
        deliver()
    }

    /// Binds the interrupt for a new life of the driver. As in the kernel, it is then no longer active.
    func bind() { acknowledge() }

    private func deliver() {
        guard !isActive, isAsserted || isPending else { return }
        (isActive, isPending) = (true, false)
        component.raise(events)
    }
}

/// Memory that a fake device accesses. The test makes these accesses for the device.
public final class FakeDMAMemory {
    private let memory: FakeMemory
    /// The address at which the device sees the first byte.
    public let deviceAddress: UInt64

    var size: UInt64 { memory.size }
    /// The place of the first byte on the host.
    var place: UInt64 { memory.address }

    init(_ memory: FakeMemory, deviceAddress: UInt64) { (self.memory, self.deviceAddress) = (memory, deviceAddress) }

    /// The eight bytes at an address of the device, which is a multiple of 8.
    public subscript(address: UInt64) -> UInt64 {
        get { word(address).pointee }
        set { word(address).pointee = newValue }
    }

    private func word(_ address: UInt64) -> UnsafeMutablePointer<UInt64> {
        precondition(
            address >= deviceAddress && address & 7 == 0 && address - deviceAddress <= memory.size - 8,
            "a device accesses memory that it was not given")
        return UnsafeMutablePointer(bitPattern: UInt(memory.address + address - deviceAddress))!
    }
}
