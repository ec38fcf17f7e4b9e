/// Gives the threads of a monitor the units of its machine: the devices, the interrupt controller and the power state.
///
/// The functions whose names begin with `use` give the state itself. Only the functions of MachineUnits+Locks.swift
/// call them, under the lock of the unit. All other code uses `withDevice`, `withController` and `withPower`. So two
/// threads never have `inout` access to the same unit, and no thread has it to the whole machine.
public protocol MachineUnits {
    /// Runs `body` with the locks and the lines. Any thread may do so at any time.
    func withBus<Result>(_ body: (borrowing MachineBus) -> Result) -> Result

    func useDevice<Used: Device, Result>(
        _ position: DevicePosition<Used>, _ body: (inout Used) -> Result
    ) -> Result
    func useController<Result>(_ body: (inout InterruptController) -> Result) -> Result
    func usePower<Result>(_ body: (inout MachinePower) -> Result) -> Result

    /// Starts a virtual CPU that is stopped.
    func start(_ virtualCPU: Int)
    /// Raises bits of the monitor's own notification.
    func signal(_ bits: UInt64)

    /// The number of further attempts at a lock before a thread gives up. They should take some microseconds, which is
    /// longer than a holder that runs needs.
    var patience: Int { get }
    /// Lets a moment pass between two attempts.
    func pause()
}

/// The environment of a bus: that of its devices, and the kernel's interrupts for the interrupt controller.
public typealias BusEnvironment = InterruptPort & DeviceEnvironment

/// The answer of a bus to a request.
public enum BusAnswer<Answer> {
    case done(Answer)
    /// No device has the address.
    case noDevice
    /// The machine is being stopped. Nothing was done.
    case stopping
    /// Another thread keeps the lock of a unit, or something else still works for a device. The request must be made
    /// again.
    case held(MachineUnit)
}
