import ABI
@_spi(Kernel) import Entente
import RuntimeSupport
import VirtualPlatform

/// A machine's locks, devices and power state, which the monitor's threads share. Each thread serves the virtual CPUs
/// of one core. All access goes through `OwnMachine`.
@safe
struct SharedMachine: ~Copyable {
    fileprivate let bus: MachineBus
    fileprivate var interrupts: InterruptController
    fileprivate var power: MachinePower
    fileprivate var random: RandomSource
    fileprivate let virtio = VirtioMemory()
    /// The memory of all devices, each at the offset of its `DevicePosition`.
    fileprivate let devices: UnsafeMutableRawPointer

    /// - Parameter memory: a `DeviceMemory` that lives as long as the monitor.
    init(_ machine: MonitoredMachine, _ memory: UnsafeMutableRawBufferPointer) {
        bus = MachineBus(virtualCPUCount: machine.virtualCPUCount, options: machine.options)
        interrupts = InterruptController(virtualCPUCount: machine.virtualCPUCount)
        power = MachinePower(
            virtualCPUCount: machine.virtualCPUCount, ticksPerMillisecond: Clock.frequency / 1000)
        random = RandomSource(seed: machine.seed)
        // SAFETY: the memory is not empty, and is larger than all devices by one alignment (`DeviceMemory`). It lives
        // as long as the monitor, and nobody else uses it.
        let start = unsafe memory.baseAddress.unsafelyUnwrapped.alignedUp(toMultipleOf: deviceAlignment)
        unsafe devices = start
        var maker = unsafe DeviceMaker(memory: start)
        MachineDevices.visitAll(&maker)
    }

    /// The address of the one instance; set once, before the first virtual CPU starts.
    private nonisolated(unsafe) static var instance: UnsafeMutablePointer<SharedMachine>? = nil

    static func publish(_ pointer: UnsafeMutablePointer<SharedMachine>) {
        // SAFETY: called once, by the first thread, before a virtual CPU runs that another thread could serve.
        unsafe instance = pointer
    }

    /// The machine of this monitor. Exits come only after `publish`.
    @inline(__always)
    static var own: OwnMachine {
        // SAFETY: set once, before the first exit.
        unsafe OwnMachine(instance.unsafelyUnwrapped)
    }
}

/// Memory for all devices of a machine, which begin at a multiple of `deviceAlignment` in it.
struct DeviceMemory {
    private var words = InlineArray<520, UInt64>(repeating: 0)

    init() { precondition(MachineDevices.size <= MemoryLayout<DeviceMemory>.size - deviceAlignment) }
}

/// Makes each device at its offset in the memory of all devices.
@safe
private struct DeviceMaker: DeviceVisitor {
    let memory: UnsafeMutableRawPointer

    mutating func visit<Visited: Device>(_ position: DevicePosition<Visited>) {
        // SAFETY: `DeviceMemory` has checked that the memory suffices, and nobody else uses it before `publish`.
        unsafe (memory + position.offset).initializeMemory(as: Visited.self, to: Visited())
    }
}

/// The machine of this monitor.
@safe
struct OwnMachine: MachineUnits {
    private let shared: UnsafeMutablePointer<SharedMachine>

    // SAFETY: the caller passes the instance that was published, which lives as long as the monitor.
    @inline(__always)
    fileprivate init(_ shared: UnsafeMutablePointer<SharedMachine>) { unsafe self.shared = shared }

    var virtio: VirtioMemory {
        // SAFETY: the machine lives as long as the monitor, and this member is a constant.
        unsafe shared.pointee.virtio
    }

    @inline(__always)
    func withBus<Result>(_ body: (borrowing MachineBus) -> Result) -> Result {
        // SAFETY: the machine lives as long as the monitor. The bus consists of constants and atomic words.
        unsafe body(shared.pointee.bus)
    }

    @inline(__always)
    func useDevice<Used: Device, Result>(
        _ position: DevicePosition<Used>, _ body: (inout Used) -> Result
    ) -> Result {
        // SAFETY: the caller holds the device's lock, and `DeviceMaker` has made a device of this type there.
        let memory = unsafe shared.pointee.devices + position.offset
        return unsafe body(&memory.assumingMemoryBound(to: Used.self).pointee)
    }

    @inline(__always)
    func useController<Result>(_ body: (inout InterruptController) -> Result) -> Result {
        // SAFETY: the caller holds the controller's lock, and other threads access only other members.
        unsafe body(&shared.pointee.interrupts)
    }

    @inline(__always)
    func usePower<Result>(_ body: (inout MachinePower) -> Result) -> Result {
        // SAFETY: the caller holds the lock of the power state, and other threads access only other members.
        unsafe body(&shared.pointee.power)
    }

    /// Returns the next 256 random bits.
    /// - Parameter power: shows that the caller holds the lock of the power state.
    func nextRandomBits(_ power: borrowing MachinePower) -> InlineArray<4, UInt64> {
        // SAFETY: the caller holds that lock, under which nobody else accesses this member.
        unsafe shared.pointee.random.next()
    }

    func start(_ virtualCPU: Int) { _ = VirtualCPU(number: virtualCPU).start() }
    func signal(_ bits: UInt64) { Entente.signal(InitialSlot.notification, bits: bits) }

    var patience: Int { 1000 }
    func pause() { entente_spin_hint() }
}
