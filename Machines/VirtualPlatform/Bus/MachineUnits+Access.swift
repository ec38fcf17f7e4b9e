/// A guest's instruction that makes accesses to one device.
public protocol BusRequest {
    associatedtype Answer

    /// The guest-physical address of the first access.
    var address: UInt64 { get }

    /// Makes the accesses, by `access`, which returns the loaded value (zero for a store), or nil if the device at
    /// `address` does not have the address.
    /// - Returns: nil if an access had no device.
    mutating func perform(_ access: (MemoryAccess) -> UInt64?) -> Answer?
}

extension MemoryAccess: BusRequest {
    /// Returns the loaded value.
    @inline(__always)
    public mutating func perform(_ access: (MemoryAccess) -> UInt64?) -> UInt64? { access(self) }
}

extension MachineUnits {
    /// Performs the accesses of an instruction.
    ///
    /// Takes the lock of one device, or that of the interrupt controller, and keeps it for all accesses. So an
    /// instruction is repeated only if it has had no effect, because its first access found the lock held. An access
    /// of the same instruction to another device is refused for that reason.
    @inline(__always)
    public func perform<Request: BusRequest, Environment: BusEnvironment>(
        _ request: inout Request, _ environment: inout Environment
    ) -> BusAnswer<Request.Answer> {
        guard withBus({ $0.isRunning }) else { return .stopping }
        if request.address &- PlatformMap.distributor < PlatformMap.distributorSize {
            return performAtController(&request, &environment)
        }
        // The serial port is the device that guests use most, so only its code is inlined here.
        if request.address &- PlatformMap.serial < PlatformMap.serialSize {
            return perform(&request, at: MachineDevices.first, &environment)
        }
        return performElsewhere(&request, &environment)
    }

    @inline(never)
    private func performElsewhere<Request: BusRequest, Environment: BusEnvironment>(
        _ request: inout Request, _ environment: inout Environment
    ) -> BusAnswer<Request.Answer> {
        var search = Search(units: self, request: request, environment: environment, answer: .noDevice)
        if MachineDevices.visitDevice(at: request.address, withBus { $0.options }, &search) {
            (request, environment) = (search.request, search.environment)
            return search.answer
        }
        let size = PlatformMap.redistributorStride &* UInt64(withBus { $0.virtualCPUCount })
        guard request.address &- PlatformMap.redistributors < size else { return .noDevice }
        return performAtController(&request, &environment)
    }

    @inline(__always)
    private func performAtController<Request: BusRequest, Environment: BusEnvironment>(
        _ request: inout Request, _ environment: inout Environment
    ) -> BusAnswer<Request.Answer> {
        let answer = withController(&environment) { interrupts, environment in
            request.perform { interrupts.perform($0, &environment) }
        }
        guard let answer else { return .held(.controller) }
        return answer.map { .done($0) } ?? .noDevice
    }

    /// Performs accesses at a device. The controller follows the device's line before the guest continues, unless
    /// another thread has the controller.
    @inline(__always)
    fileprivate func perform<Used: Device, Request: BusRequest, Environment: BusEnvironment>(
        _ request: inout Request, at position: DevicePosition<Used>, _ environment: inout Environment
    ) -> BusAnswer<Request.Answer> {
        var hasChanged = false
        var isHeld = false
        let answer = withDevice(position) { device in
            let answer = request.perform { device.perform($0, &environment) }
            isHeld = device.isHeldByPeer
            if let sixteenths = device.sixteenthsToUpdate(&environment) { askForWatch(sixteenths, &environment) }
            hasChanged = driveLine(of: device)
            return answer
        }
        guard let answer, !isHeld else { return .held(position.unit) }
        if hasChanged { followLines(&environment) }
        return answer.map { .done($0) } ?? .noDevice
    }

    @inline(never)
    private func askForWatch<Environment: DeviceEnvironment>(_ sixteenths: UInt64, _ environment: inout Environment) {
        if withBus({ $0.timeRequest.ask(within: sixteenths) }) { environment.askForWatch() }
    }

    /// Sets the level of a device's line. The caller holds the device's lock.
    /// - Returns: true if the controller has not followed the level, so that the caller must call `followLines` after
    ///   it has released the lock.
    @inline(__always)
    func driveLine<Driven: Device>(of device: Driven) -> Bool {
        guard let interrupt = Driven.placement.interrupt else { return false }
        return withBus { $0.levels.set(interrupt, high: device.isInterrupting) }
    }
}

extension Device {
    /// Performs one access, or returns nil if the address lies outside of the window.
    @inline(__always)
    fileprivate mutating func perform<Environment: DeviceEnvironment>(
        _ access: MemoryAccess, _ environment: inout Environment
    ) -> UInt64? {
        let offset = access.address &- Self.placement.base
        guard offset < Self.placement.size else { return nil }
        if !access.isWrite { return read(offset, size: access.size, &environment) }
        write(offset, size: access.size, access.value, &environment)
        return 0
    }
}

/// A request for the device that the list finds.
private struct Search<Units: MachineUnits, Request: BusRequest, Environment: BusEnvironment>: DeviceVisitor {
    let units: Units
    var request: Request
    var environment: Environment
    var answer: BusAnswer<Request.Answer>

    @inline(__always)
    mutating func visit<Visited: Device>(_ position: DevicePosition<Visited>) {
        answer = units.perform(&request, at: position, &environment)
    }
}
