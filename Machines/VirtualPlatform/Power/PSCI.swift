import ABI

/// The monitor's action for a firmware call.
public enum FirmwareAction: Equatable {
    /// Continue with this value in `x0`.
    case resume(UInt64)
    /// Prepare virtual CPU `target`, which has been claimed (`PowerController.finishTurningOn`), to run at `entry`.
    case turnOn(target: Int, entry: UInt64, context: UInt64)
    /// Leave the caller stopped, and then report that (`PowerController.finishTurningOff`).
    case turnOff
    /// Stop the machine, which has been claimed, and start it again.
    case reset
    /// Stop the machine, which has been claimed, for good.
    case powerOff
    /// Leave the caller stopped, because another virtual CPU is stopping the machine.
    case stop
    /// Continue with random numbers (`RandomRequest.results`), or refuse with `RandomNumbers.noEntropy`.
    case random(RandomRequest)
    /// Continue with this error in `x0`, and zeros in `x1…x3`.
    case refuse(UInt64)
    /// Continue with `RandomNumbers.identity` in `x0…x3`.
    case identify

    static func resume(_ status: PSCIStatus) -> FirmwareAction {
        .resume(UInt64(bitPattern: status.rawValue))
    }
}

/// Function identifiers. Those of PSCI that take addresses exist in a 32-bit and a 64-bit form (bit 30).
private enum Function {
    static let smcccVersion: UInt32 = 0x8000_0000
    static let smcccFeatures: UInt32 = 0x8000_0001

    static let version: UInt32 = 0x8400_0000
    static let suspend: UInt32 = 0x8400_0001
    static let suspend64: UInt32 = 0xC400_0001
    static let off: UInt32 = 0x8400_0002
    static let on: UInt32 = 0x8400_0003
    static let on64: UInt32 = 0xC400_0003
    static let affinityInfo: UInt32 = 0x8400_0004
    static let affinityInfo64: UInt32 = 0xC400_0004
    static let migrateInfoType: UInt32 = 0x8400_0006
    static let systemOff: UInt32 = 0x8400_0008
    static let systemReset: UInt32 = 0x8400_0009
    static let features: UInt32 = 0x8400_000A
    static let systemReset2: UInt32 = 0x8400_0012
    static let systemReset264: UInt32 = 0xC400_0012

    static func isProvided(_ function: UInt32) -> Bool {
        switch function {
        case smcccVersion, version, suspend, suspend64, off, on, on64, affinityInfo, affinityInfo64, migrateInfoType,
            systemOff, systemReset, features, systemReset2, systemReset264:
            return true
        default:
            return false
        }
    }
}

extension PowerController {
    private static let smcccVersion11: UInt64 = 0x1_0001
    private static let psciVersion11: UInt64 = 0x1_0001
    /// MIGRATE_INFO_TYPE: the trusted OS, if there is one, does not require migration.
    private static let migrationNotRequired: UInt64 = 2

    /// Decides on a firmware call of a virtual CPU that is on. Functions that do not exist return NOT_SUPPORTED.
    /// - Parameter ram: the RAM, in which the entry of a virtual CPU must lie.
    public mutating func perform(_ call: FirmwareCall, from caller: Int, ram: GuestBounds) -> FirmwareAction {
        guard machine == .running else { return .stop }
        switch call.function {
        case Function.smcccVersion: return .resume(PowerController.smcccVersion11)
        case Function.smcccFeatures: return smcccFeatures(call)
        case Function.version: return .resume(PowerController.psciVersion11)
        case Function.features: return features(call)
        case Function.migrateInfoType: return .resume(PowerController.migrationNotRequired)
        case Function.suspend, Function.suspend64: return suspend(call)
        case Function.on, Function.on64: return turnOn(call, ram: ram)
        case Function.affinityInfo, Function.affinityInfo64: return affinityInfo(call)
        case Function.off:
            beginTurningOff(caller)
            return .turnOff
        case Function.systemOff: return beginStopping() ? .powerOff : .stop
        case Function.systemReset: return beginStopping() ? .reset : .stop
        case Function.systemReset2, Function.systemReset264:
            // The only architectural type is a warm reset, which may be as thorough as a cold one.
            guard call.arguments.0 == 0 else { return .resume(PSCIStatus.invalidParameters) }
            return beginStopping() ? .reset : .stop
        default: return randomNumbers(call)
        }
    }

    /// Answers SMCCC_ARCH_FEATURES. Only the two functions for discovery exist, because no CPU work-around is
    /// offered.
    private func smcccFeatures(_ call: FirmwareCall) -> FirmwareAction {
        switch UInt32(truncatingIfNeeded: call.arguments.0) {
        case Function.smcccVersion, Function.smcccFeatures: return .resume(PSCIStatus.success)
        default: return .resume(PSCIStatus.notSupported)
        }
    }

    /// Answers PSCI_FEATURES. For CPU_SUSPEND zero means power states in the original format, platform-coordinated.
    private func features(_ call: FirmwareCall) -> FirmwareAction {
        let isProvided = Function.isProvided(UInt32(truncatingIfNeeded: call.arguments.0))
        return .resume(isProvided ? PSCIStatus.success : .notSupported)
    }

    /// Answers CPU_SUSPEND. A standby state may end at once, and a standby state may replace a power-down state
    /// (DEN0022, 5.4.2).
    private func suspend(_ call: FirmwareCall) -> FirmwareAction {
        // Bits 17…23 and 26…31 of the power state are reserved.
        let reserved: UInt64 = 0xFCFE_0000
        return .resume(call.arguments.0 & reserved == 0 ? PSCIStatus.success : .invalidParameters)
    }

    /// Answers a function for random numbers (DEN0098), or one that does not exist.
    private func randomNumbers(_ call: FirmwareCall) -> FirmwareAction {
        switch RandomNumbers.decide(call) {
        case .answer(let value): return .resume(value)
        case .identify: return .identify
        case .draw(let request): return .random(request)
        case .refuse(let error): return .refuse(error)
        }
    }

    private mutating func turnOn(_ call: FirmwareCall, ram: GuestBounds) -> FirmwareAction {
        let (affinity, entry, context) = call.arguments
        guard affinity < UInt64(virtualCPUCount) else { return .resume(PSCIStatus.invalidParameters) }
        guard ram.range(at: entry, size: 4, alignedTo: 4) != nil else { return .resume(PSCIStatus.invalidAddress) }
        let status = beginTurningOn(Int(affinity))
        guard status == .success else { return .resume(status) }
        return .turnOn(target: Int(affinity), entry: entry, context: context)
    }

    private func affinityInfo(_ call: FirmwareCall) -> FirmwareAction {
        let (affinity, level, _) = call.arguments
        guard level <= 3 else { return .resume(PSCIStatus.invalidParameters) }
        guard level == 0 else {
            // All virtual CPUs share the affinity levels above 0, and the caller is on.
            let above = affinity >> (8 * level)
            return .resume(above == 0 ? PSCIStatus.success : .invalidParameters)
        }
        guard affinity < UInt64(virtualCPUCount) else { return .resume(PSCIStatus.invalidParameters) }
        switch state(of: Int(affinity)) {
        case .on, .turningOff: return .resume(0)
        case .off: return .resume(1)
        case .onPending: return .resume(2)
        }
    }
}
