import ABI
import Synchronization

@testable import VirtualPlatform

/// The environment of a machine that several threads use.
struct SharedEnvironment: InterruptPort, DeviceEnvironment, NoVirtio {
    /// The kernel's levels of the lines, which only a holder of the controller's lock changes.
    final class Kernel: @unchecked Sendable {
        var levels: [UInt32] = [0, 0, 0, 0]
        /// The number of requested looks at the time.
        let watches = Atomic<Int>(0)
    }
    let kernel: Kernel

    func control(_ form: VirtualInterruptControl, virtualCPU: Int, index: UInt64, value: UInt64) {
        guard form == .setLevel else { return }
        let bit: UInt32 = 1 << UInt32(index % 32)
        let wasHigh = kernel.levels[Int(index) / 32] & bit != 0
        precondition(wasHigh != (value != 0), "the level did not change")
        kernel.levels[Int(index) / 32] ^= bit
    }

    func state(ofWord word: Int, virtualCPU: Int) -> InterruptWordState {
        InterruptWordState(pending: kernel.levels[word], active: 0)
    }

    func isHigh(_ interrupt: InterruptID) -> Bool { kernel.levels[interrupt.word] & interrupt.bit != 0 }

    func transmit(_ byte: UInt8) -> Bool { true }
    func receive() -> UInt16? { nil }
    func tellReader() {}
    func askForMoment() -> Bool { true }
    func seconds() -> UInt32 { 1000 }
    func ticks() -> UInt64 { 0 }
    func ticksPerSecond() -> UInt64 { 1000 }
    func askForWatch() { kernel.watches.wrappingAdd(1, ordering: .relaxed) }
    func report(_ failure: MachineFailure) {}
    func flashWord(at offset: UInt64) -> UInt32 { 0 }
    func setFlashWord(at offset: UInt64, _ value: UInt32) {}
    func eraseFlash(at offset: UInt64, lanes: UInt32) {}
    func showFlash() -> Bool { false }
    func hideFlash() {}
}

/// A store or load that a guest makes in a test.
enum GuestAccess {
    /// Makes the alarm of the clock ring, which raises its line.
    static var raise: MemoryAccess { MemoryAccess(address: PlatformMap.clock + 0x04, size: 4, write: 1000) }
    static var lower: MemoryAccess { MemoryAccess(address: PlatformMap.clock + 0x1C, size: 4, write: 1) }
    static var unmask: MemoryAccess { MemoryAccess(address: PlatformMap.clock + 0x10, size: 4, write: 1) }
    /// Sets the alarm to a time in the future.
    static var alarm: MemoryAccess { MemoryAccess(address: PlatformMap.clock + 0x04, size: 4, write: 2000) }
    /// Reads flags of the serial port, and a register of the distributor.
    static var flags: MemoryAccess { MemoryAccess(address: PlatformMap.serial + 0x18, size: 4, write: nil) }
    static var type: MemoryAccess { MemoryAccess(address: PlatformMap.distributor + 4, size: 4, write: nil) }
}

extension HostMachine {
    /// Makes an access, and returns whether it was done.
    @discardableResult
    func makes(_ access: MemoryAccess, _ environment: SharedEnvironment) -> BusAnswer<UInt64> {
        var (access, environment) = (access, environment)
        return perform(&access, &environment)
    }
}

extension BusAnswer {
    var isDone: Bool {
        if case .done = self { return true }
        return false
    }
    var heldUnit: MachineUnit? {
        if case .held(let unit) = self { return unit }
        return nil
    }
}
