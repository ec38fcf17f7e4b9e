/// Starts a virtio block device behind the memory-mapped transport, and reads its configuration.
struct VirtioTransport<Registers: VirtioRegisters> {
    let registers: Registers

    /// The number of reads after which a device counts as one that does not end a reset. While the driver reads, it
    /// does nothing for other devices.
    private static var resetPatience: Int { 1000 }

    /// Resets the device, gives it an empty queue and makes it work (virtio 1.2, 3.1.1).
    ///
    /// - Returns: the features that driver and device use, and the queue.
    /// - Throws: the reason why the device cannot be used.
    func start<Memory: VirtioMemory>(
        _ memory: Memory
    ) throws(DeviceTrouble) -> (features: UInt64, queue: RequestQueue<Memory>) {
        try identify()
        try awaitReset()
        registers.write(VirtioStatus.acknowledge, VirtioRegister.status)
        registers.write(VirtioStatus.acknowledge | VirtioStatus.driver, VirtioRegister.status)
        let features = try chooseFeatures()
        let status = VirtioStatus.acknowledge | VirtioStatus.driver | VirtioStatus.featuresOK
        registers.write(status, VirtioRegister.status)
        guard registers.read(VirtioRegister.status) & VirtioStatus.featuresOK != 0 else { throw .features }
        let queue = try setUpQueue(memory, hasEventIndex: features & VirtioFeature.eventIndex != 0)
        registers.write(status | VirtioStatus.driverOK, VirtioRegister.status)
        return (features, queue)
    }

    private func identify() throws(DeviceTrouble) {
        guard registers.read(VirtioRegister.magic) == VirtioRegister.magicValue else { throw .noDevice }
        let (version, kind) = (registers.read(VirtioRegister.version), registers.read(VirtioRegister.deviceID))
        guard kind != 0 else { throw .noDevice }
        guard version == VirtioRegister.modern else { throw .legacy }
        guard kind == VirtioRegister.blockDevice else { throw .notABlockDevice }
    }

    /// Begins a reset. The device no longer uses memory once the reset has ended.
    func reset() { registers.write(0, VirtioRegister.status) }

    private func awaitReset() throws(DeviceTrouble) {
        reset()
        for _ in 0..<Self.resetPatience where registers.read(VirtioRegister.status) == 0 { return }
        throw .noReset
    }

    private func chooseFeatures() throws(DeviceTrouble) -> UInt64 {
        registers.write(0, VirtioRegister.deviceFeaturesSelect)
        var offered = UInt64(registers.read(VirtioRegister.deviceFeatures))
        registers.write(1, VirtioRegister.deviceFeaturesSelect)
        offered |= UInt64(registers.read(VirtioRegister.deviceFeatures)) << 32
        let features = offered & VirtioFeature.wanted
        guard features & VirtioFeature.needed == VirtioFeature.needed else { throw .features }
        registers.write(0, VirtioRegister.driverFeaturesSelect)
        registers.write(UInt32(truncatingIfNeeded: features), VirtioRegister.driverFeatures)
        registers.write(1, VirtioRegister.driverFeaturesSelect)
        registers.write(UInt32(truncatingIfNeeded: features >> 32), VirtioRegister.driverFeatures)
        return features
    }

    /// Gives the device the queue 0, empty.
    private func setUpQueue<Memory: VirtioMemory>(
        _ memory: Memory, hasEventIndex: Bool
    ) throws(DeviceTrouble) -> RequestQueue<Memory> {
        registers.write(0, VirtioRegister.queueSelect)
        let limit = registers.read(VirtioRegister.queueSizeMaximum)
        guard registers.read(VirtioRegister.queueReady) == 0, limit >= UInt32(QueueLayout.minimum) else { throw .queue }
        guard let layout = QueueLayout.largest(deviceLimit: limit, memory: memory.size) else { throw .memory }
        var queue = RequestQueue(memory: memory, layout: layout, hasEventIndex: hasEventIndex)
        queue.prepare()
        registers.write(UInt32(layout.count), VirtioRegister.queueSize)
        write(memory.deviceAddress, VirtioRegister.descriptors)
        // Each ring begins with the upper half of its first word.
        write(memory.deviceAddress + UInt64(layout.availableHeader + 4), VirtioRegister.available)
        write(memory.deviceAddress + UInt64(layout.usedHeader + 4), VirtioRegister.used)
        registers.write(1, VirtioRegister.queueReady)
        return queue
    }

    private func write(_ address: UInt64, _ register: Int) {
        registers.write(UInt32(truncatingIfNeeded: address), register)
        registers.write(UInt32(truncatingIfNeeded: address >> 32), register + 4)
    }

    // MARK: A device at work

    @inline(__always) func notify() { registers.write(0, VirtioRegister.queueNotify) }

    enum News { case answers, configuration, resetRequest }

    /// Acknowledges the device's interrupt, and returns its reason.
    func acknowledgeInterrupt() -> News {
        let reasons = registers.read(VirtioRegister.interruptStatus)
        if reasons != 0 { registers.write(reasons, VirtioRegister.interruptAcknowledge) }
        guard reasons & VirtioInterrupt.configurationChanged != 0 else { return .answers }
        return registers.read(VirtioRegister.status) & VirtioStatus.needsReset != 0 ? .resetRequest : .configuration
    }

    /// Reads the device's configuration, again if it changes meanwhile. The last of 16 readings counts in any case,
    /// because the device interrupts after its last change.
    func configuration(_ features: UInt64) -> DeviceConfiguration {
        var configuration = DeviceConfiguration()
        for _ in 0..<16 {
            let generation = registers.read(VirtioRegister.configGeneration)
            configuration = readConfiguration(features)
            if registers.read(VirtioRegister.configGeneration) == generation { break }
        }
        return configuration
    }

    private func readConfiguration(_ features: UInt64) -> DeviceConfiguration {
        func word(_ offset: Int) -> UInt32 { registers.read(VirtioRegister.config + offset) }
        var configuration = DeviceConfiguration()
        configuration.capacity =
            UInt64(word(BlockConfiguration.capacity)) | UInt64(word(BlockConfiguration.capacity + 4)) << 32
        if features & VirtioFeature.discard != 0 {
            configuration.maximumDiscard = word(BlockConfiguration.maximumDiscard)
        }
        if features & VirtioFeature.writeZeroes != 0 {
            configuration.maximumWriteZeroes = word(BlockConfiguration.maximumWriteZeroes)
        }
        if features & VirtioFeature.blockSize != 0 { configuration.blockSize = word(BlockConfiguration.blockSize) }
        return configuration
    }
}

/// The configuration of a block device. Sizes without a feature are 0.
struct DeviceConfiguration {
    /// In sectors of 512 bytes.
    var capacity: UInt64 = 0
    /// The sectors of one discard or write of zeros.
    var maximumDiscard: UInt32 = 0
    var maximumWriteZeroes: UInt32 = 0
    /// In bytes.
    var blockSize: UInt32 = 0
}
