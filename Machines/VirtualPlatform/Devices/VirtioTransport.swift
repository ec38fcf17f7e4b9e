import ABI

// The registers of the machine's virtio devices (virtio 1.2, 4.2). The guest reads them in the register page, without
// an exit. Only its control writes come here; the doorbells of QueueNotify and InterruptACK take the others.

/// The eight virtio slots of a machine.
///
/// The control page has the state of the devices, because the backend needs it. This value has only the selectors, and
/// the resets that are under way. A reset and the stop of a queue are done once the backend does not use the guest's
/// memory any more (`VirtioBackend.busy`). Until then `isHeldByPeer` is true, and the guest's store is repeated.
public struct VirtioTransport: Device {
    /// The backend raises the interrupts, so the device has no line of its own.
    @inline(__always) public static var placement: Placement {
        Placement(base: VirtioPages.machineAddress, size: UInt64(VirtioPages.pageSize), interrupt: nil)
    }

    @inline(__always)
    public static func isPresent(in options: PlatformOptions) -> Bool { options.hasVirtio }

    private struct Selectors {
        var deviceFeatures: UInt32 = 0
        var driverFeatures: UInt32 = 0
        var queue: UInt32 = 0
    }
    private var selectors = InlineArray<8, Selectors>(repeating: Selectors())
    /// The slots whose reset waits for the backend.
    private var resetting: UInt8 = 0
    /// The slots with a queue whose stop waits for the backend.
    private var stopping: UInt8 = 0
    /// True if the last access must be repeated.
    public private(set) var isHeldByPeer = false

    public init() {}

    /// VIRTIO_F_VERSION_1, without which there is no modern device (6.1).
    private static let version1: UInt64 = 1 << 32

    // MARK: Accesses

    /// Loads from the register page. A guest reads it without this function, unless its page is not mapped.
    public mutating func read<Environment: DeviceEnvironment>(
        _ offset: UInt64, size: UInt64, _ environment: inout Environment
    ) -> UInt64 {
        isHeldByPeer = false
        let port = environment
        return RegisterLanes.read(offset, size: size) { port.loadVirtioRegister(Int(truncatingIfNeeded: $0)) }
    }

    public mutating func write<Environment: DeviceEnvironment>(
        _ offset: UInt64, size: UInt64, _ value: UInt64, _ environment: inout Environment
    ) {
        let place = Int(truncatingIfNeeded: offset)
        let slot = Slot(number: place / VirtioPages.slotSize, port: environment)
        let register = place % VirtioPages.slotSize
        let wasReset = resetting & slot.bit != 0
        isHeldByPeer = !finishWaiting(slot)
        // The store that began the reset is repeated when the reset is done.
        if isHeldByPeer || wasReset && register == VirtioRegister.status && value == 0 { return }
        if register >= VirtioRegister.configuration { return writeConfiguration(register, value, slot) }
        // Drivers must use accesses of 32 bits (4.2.2.2). Other accesses have no effect.
        guard size == 4, register & 3 == 0 else { return }
        write(register, UInt32(truncatingIfNeeded: value), slot)
    }

    private mutating func write<Port: VirtioPort>(_ register: Int, _ value: UInt32, _ slot: Slot<Port>) {
        switch register {
        case VirtioRegister.deviceFeaturesSelect:
            selectors[slot.number].deviceFeatures = value
            showFeatures(slot)
        case VirtioRegister.driverFeaturesSelect: selectors[slot.number].driverFeatures = value
        case VirtioRegister.driverFeatures: setFeatures(value, slot)
        case VirtioRegister.queueSelect:
            selectors[slot.number].queue = value
            showQueue(slot)
        case VirtioRegister.status: setStatus(UInt64(value), slot)
        // Doorbells take these, except those that another width or a dead backend kept from it.
        case VirtioRegister.queueNotify: slot.port.tellBackend()
        default: writeQueue(register, UInt64(value), slot)
        }
    }

    /// The only field of the configuration that a driver writes is the byte `writeback` (5.2.4).
    private func writeConfiguration<Port: VirtioPort>(_ register: Int, _ value: UInt64, _ slot: Slot<Port>) {
        let place = VirtioRegister.configuration + 32
        guard register == place, slot.isReady else { return }
        let hasCache = value & 0xFF != 0
        slot.set(VirtioControl.hasWriteCache, hasCache ? 1 : 0)
        slot.setRegister(place, slot.register(place) & ~0xFF | (hasCache ? 1 : 0))
    }

    // MARK: Features and status

    private func showFeatures<Port: VirtioPort>(_ slot: Slot<Port>) {
        let select = selectors[slot.number].deviceFeatures
        let features = select < 2 ? slot.backend(VirtioBackend.features) >> (32 &* UInt64(select)) : 0
        slot.setRegister(VirtioRegister.deviceFeatures, UInt32(truncatingIfNeeded: features))
    }

    private func setFeatures<Port: VirtioPort>(_ value: UInt32, _ slot: Slot<Port>) {
        let select = selectors[slot.number].driverFeatures
        guard select < 2, slot.control(VirtioControl.status) & VirtioStatus.featuresOK == 0 else { return }
        let shift = 32 &* UInt64(select)
        let others = slot.control(VirtioControl.features) & ~(0xFFFF_FFFF << shift)
        slot.set(VirtioControl.features, others | UInt64(value) << shift)
    }

    private mutating func setStatus<Port: VirtioPort>(_ value: UInt64, _ slot: Slot<Port>) {
        if value == 0 {
            beginReset(slot)
            isHeldByPeer = !finishWaiting(slot)
            return
        }
        guard slot.isReady else { return }
        let before = slot.control(VirtioControl.status)
        let features = slot.control(VirtioControl.features)
        // A driver cannot take bits back (2.1.1), and the device has one of its own.
        var status = before | value & 0xFF & ~VirtioStatus.needsReset
        let isAccepted =
            features & ~slot.backend(VirtioBackend.features) == 0 && features & VirtioTransport.version1 != 0
        if before & VirtioStatus.featuresOK == 0, !isAccepted { status &= ~VirtioStatus.featuresOK }
        if status & VirtioStatus.featuresOK == 0 { status &= ~VirtioStatus.driverOK }
        slot.set(VirtioControl.status, status)
        slot.setRegister(VirtioRegister.status, UInt32(truncatingIfNeeded: status))
        if (status ^ before) & VirtioStatus.driverOK != 0 { slot.port.tellBackend() }
    }

    // MARK: Queues

    private func showQueue<Port: VirtioPort>(_ slot: Slot<Port>) {
        let queue = slot.queue(selectors[slot.number].queue)
        let maximum = queue == nil ? 0 : slot.backend(VirtioBackend.queues) >> 32
        let life = queue.map { slot.control(VirtioControl.life($0)) } ?? 0
        slot.setRegister(VirtioRegister.maximumQueueSize, UInt32(truncatingIfNeeded: maximum))
        slot.setRegister(VirtioRegister.queueReady, UInt32(life & 1))
    }

    private mutating func writeQueue<Port: VirtioPort>(_ register: Int, _ value: UInt64, _ slot: Slot<Port>) {
        guard slot.isReady, let queue = slot.queue(selectors[slot.number].queue) else { return }
        let isLive = slot.control(VirtioControl.life(queue)) & 1 != 0
        if register == VirtioRegister.queueReady {
            if value == 1, !isLive { startQueue(queue, slot) }
            if value == 0, isLive { stopQueue(queue, slot) }
            return
        }
        // A driver must not change a queue that is ready (4.2.2.2).
        guard !isLive else { return }
        switch register {
        case VirtioRegister.queueSize: slot.set(VirtioControl.size(queue), value)
        case VirtioRegister.descriptorsLow: slot.setLow(VirtioControl.descriptors(queue), value)
        case VirtioRegister.descriptorsHigh: slot.setHigh(VirtioControl.descriptors(queue), value)
        case VirtioRegister.driverLow: slot.setLow(VirtioControl.driver(queue), value)
        case VirtioRegister.driverHigh: slot.setHigh(VirtioControl.driver(queue), value)
        case VirtioRegister.deviceLow: slot.setLow(VirtioControl.device(queue), value)
        case VirtioRegister.deviceHigh: slot.setHigh(VirtioControl.device(queue), value)
        default: break
        }
    }

    private func startQueue<Port: VirtioPort>(_ queue: Int, _ slot: Slot<Port>) {
        let status = slot.control(VirtioControl.status)
        guard status & VirtioStatus.featuresOK != 0 else { return }
        slot.set(VirtioControl.life(queue), slot.control(VirtioControl.life(queue)) | 1)
        showQueue(slot)
        if status & VirtioStatus.driverOK != 0 { slot.port.tellBackend() }
    }

    private mutating func stopQueue<Port: VirtioPort>(_ queue: Int, _ slot: Slot<Port>) {
        slot.set(VirtioControl.life(queue), slot.control(VirtioControl.life(queue)) &+ 1)
        slot.raiseGeneration()
        stopping |= slot.bit
        isHeldByPeer = !finishWaiting(slot)
    }

    // MARK: The reset

    /// Begins the reset of a device. The backend sees all of it once it sees the generation, which is stored last.
    private mutating func beginReset<Port: VirtioPort>(_ slot: Slot<Port>) {
        slot.set(VirtioControl.status, 0)
        for queue in 0..<VirtioPages.maximumQueues {
            let life = slot.control(VirtioControl.life(queue))
            if life & 1 != 0 { slot.set(VirtioControl.life(queue), life &+ 1) }
        }
        slot.set(VirtioControl.resets, slot.control(VirtioControl.resets) &+ 1)
        slot.raiseGeneration()
        resetting |= slot.bit
    }

    /// Finishes what waits for the backend to stop its use of the guest's memory for a slot.
    /// - Returns: false if the backend uses it still.
    private mutating func finishWaiting<Port: VirtioPort>(_ slot: Slot<Port>) -> Bool {
        guard (resetting | stopping) & slot.bit != 0 else { return true }
        guard slot.backend(VirtioBackend.busy) == 0 else { return false }
        if resetting & slot.bit != 0 {
            selectors[slot.number] = Selectors()
            clear(slot)
            show(slot)
        } else {
            showQueue(slot)
        }
        resetting &= ~slot.bit
        stopping &= ~slot.bit
        slot.port.tellBackend()
        return true
    }

    private func clear<Port: VirtioPort>(_ slot: Slot<Port>) {
        slot.set(VirtioControl.features, 0)
        slot.set(VirtioControl.hasWriteCache, 1)
        for queue in 0..<VirtioPages.maximumQueues {
            slot.set(VirtioControl.size(queue), 0)
            slot.set(VirtioControl.descriptors(queue), 0)
            slot.set(VirtioControl.driver(queue), 0)
            slot.set(VirtioControl.device(queue), 0)
        }
    }

    /// Shows the registers of a device that was reset. A slot without a device has the device ID 0 (4.2.2.2).
    private func show<Port: VirtioPort>(_ slot: Slot<Port>) {
        slot.setRegister(VirtioRegister.magic, VirtioRegister.magicValue)
        slot.setRegister(VirtioRegister.version, VirtioRegister.versionValue)
        slot.setRegister(VirtioRegister.deviceID, slot.isReady ? VirtioRegister.blockDevice : 0)
        slot.setRegister(VirtioRegister.vendorID, VirtioRegister.vendorValue)
        slot.setRegister(VirtioRegister.status, 0)
        slot.setRegister(VirtioRegister.interruptStatus, 0)
        // A length of all ones says that there is no shared memory (4.2.2.1).
        for place in stride(from: 0, to: 8, by: 4) {
            slot.setRegister(VirtioRegister.sharedMemoryLength + place, ~0)
            slot.setRegister(VirtioRegister.sharedMemoryBase + place, ~0)
        }
        let cache = VirtioRegister.configuration + 32
        slot.setRegister(cache, slot.register(cache) & ~0xFF | UInt32(slot.control(VirtioControl.hasWriteCache)))
        showFeatures(slot)
        showQueue(slot)
    }

    /// Resets all devices, when the machine does not run.
    public mutating func prepareReset<Environment: DeviceEnvironment>(_ environment: inout Environment) -> Bool {
        guard environment.hasVirtioPages else { return true }
        var isDone = true
        for number in 0..<VirtioPages.slots {
            let slot = Slot(number: number, port: environment)
            // A reset that waits since an earlier attempt is enough.
            if resetting & slot.bit == 0 { beginReset(slot) }
            if !finishWaiting(slot) { isDone = false }
        }
        return isDone
    }

    /// Shows the devices, once the backend has said which there are.
    public mutating func prepareStart<Environment: DeviceEnvironment>(_ environment: inout Environment) -> Bool {
        guard environment.hasVirtioPages else { return true }
        for number in 0..<VirtioPages.slots {
            let state = Slot(number: number, port: environment).backend(VirtioBackend.state)
            if state == VirtioBackend.State.unknown { return false }
        }
        for number in 0..<VirtioPages.slots { show(Slot(number: number, port: environment)) }
        return true
    }

    // MARK: News of the backend

    /// Marks the devices that have become unusable (2.1.2). The backend then interrupts the guest.
    public mutating func exchange<Environment: DeviceEnvironment>(_ environment: inout Environment) {
        guard environment.hasVirtioPages else { return }
        for number in 0..<VirtioPages.slots {
            let slot = Slot(number: number, port: environment)
            let status = slot.control(VirtioControl.status)
            guard status != 0, status & VirtioStatus.needsReset == 0, resetting & slot.bit == 0,
                slot.backend(VirtioBackend.broken) == slot.control(VirtioControl.resets) &+ 1
            else { continue }
            slot.set(VirtioControl.status, status | VirtioStatus.needsReset)
            slot.setRegister(VirtioRegister.status, UInt32(truncatingIfNeeded: status | VirtioStatus.needsReset))
            environment.tellBackend()
        }
    }
}

/// The words of one virtio slot in the three pages, by their offsets in the slot.
private struct Slot<Port: VirtioPort> {
    let number: Int
    let port: Port

    @inline(__always) private var base: Int { number &* VirtioPages.slotSize }
    var bit: UInt8 { 1 << UInt8(truncatingIfNeeded: number) }

    func control(_ offset: Int) -> UInt64 { port.loadVirtioWord(VirtioPages.control &+ base &+ offset) }
    func set(_ offset: Int, _ value: UInt64) {
        port.storeVirtioWord(value, VirtioPages.control &+ base &+ offset)
    }
    func setLow(_ offset: Int, _ value: UInt64) { set(offset, control(offset) & ~0xFFFF_FFFF | value) }
    func setHigh(_ offset: Int, _ value: UInt64) { set(offset, control(offset) & 0xFFFF_FFFF | value << 32) }
    func raiseGeneration() { set(VirtioControl.generation, control(VirtioControl.generation) &+ 1) }

    func backend(_ offset: Int) -> UInt64 { port.loadVirtioWord(VirtioPages.backend &+ base &+ offset) }
    var isReady: Bool { backend(VirtioBackend.state) == VirtioBackend.State.ready }

    func register(_ offset: Int) -> UInt32 { port.loadVirtioRegister(base &+ offset) }
    func setRegister(_ offset: Int, _ value: UInt32) { port.storeVirtioRegister(value, base &+ offset) }

    /// Returns the number of a queue that the device has.
    func queue(_ selected: UInt32) -> Int? {
        let count = min(backend(VirtioBackend.queues) & 0xFFFF_FFFF, UInt64(VirtioPages.maximumQueues))
        return UInt64(selected) < count ? Int(selected) : nil
    }
}
